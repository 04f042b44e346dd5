"""One change's way from A to B: at which calls it is met, and when; from what the processes wrote down."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

Call = tuple[str, float, float]
"""What was called, when it began and when it ended, in seconds of the clock that all processes share."""


class Stage(NamedTuple):
    """A moment on the way: the begin or the end of a call, in the process of folder `a` or `b`."""

    words: str
    side: Literal["a", "b"]
    function: str
    """`module:Class.method` or `module:function`."""
    at: Literal["begin", "end"] = "end"


STAGES: Sequence[Stage] = (
    Stage("the kernel's event is read", "a", "instep.fs.watcher:TreeWatcher.read"),
    Stage("a thread begins with it", "a", "instep.steps.committer:Committer.commit", "begin"),
    Stage("read under a lease, hashed", "a", "instep.steps.look:Look.at"),
    Stage("tree and commit are made", "a", "instep.steps.committer:Committer._commit_on_head"),
    Stage("the objects for the peer are put together", "a", "instep.steps.session:raw_frames"),
    Stage("the frames are on their way", "a", "instep.remotes.link:Link.send"),
    Stage("the move of the ref is read", "b", "instep.steps.session:Session._take_move", "begin"),
    Stage("a thread begins to merge", "b", "instep.steps.merger:Merger.merge", "begin"),
    Stage("what arrived is checked", "b", "instep.steps.merger:check_arrival"),
    Stage("objects and file are written aside and synced", "b", "instep.fs.durable:Batch.sync"),
    Stage("the objects have their names", "b", "instep.git.objects:Pending.place"),
    Stage("the file is in its place", "b", "instep.steps.install:Installer._do"),
    Stage("the branch has moved", "b", "instep.steps.merger:Merger._move_branch"),
    Stage(
        "the peer's answer is read: it is durable there",
        "a",
        "instep.steps.session:Session._take_moved",
        "begin",
    ),
    Stage("the objects are written and synced", "a", "instep.steps.committer:Committer._store"),
    Stage("the branch has moved", "a", "instep.steps.committer:Committer._move_branch"),
)


def moments(closed: Iterable[float], calls: Mapping[str, Sequence[Call]]) -> dict[str, list[float | None]]:
    """For each stage, by side and words: seconds from each close to the first such call after it.

    `calls`: of each side, in any order. The changes must be far enough apart not to be mixed up.
    """
    found: dict[str, list[float | None]] = {}
    for stage in STAGES:
        mine = sorted((begin, end) for name, begin, end in calls[stage.side] if name == stage.function)
        times = found[f"{stage.side.upper()}: {stage.words}"] = []
        for since in closed:
            call = next((call for call in mine if call[0] >= since), None)
            times.append(None if call is None else call[stage.at == "end"] - since)
    return found
