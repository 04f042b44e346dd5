"""git-annex: its objects, its branch, its processes."""
