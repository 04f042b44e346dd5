"""The five steps of the job, each one supervised task: watch, commit, push, merge, transfer."""
