"""Names of a folder that its disk takes for one another: who has the place, and who has none. # I24

The work tree's files are found by their exact spelling only (`fs/spelling.py`). So what is recorded as `foo`
and is there as `Foo` is not there; but it was not deleted either, if `Foo` is recorded too: this disk can't
hold both (I3). And an event that names one spelling may be about another.
"""

import os
from collections.abc import Iterator

from instep.core.names import folded
from instep.core.tree import lookup
from instep.core.types import RelPath
from instep.fs.beneath import open_beneath
from instep.fs.install import Reason, Refused
from instep.fs.spelling import names_in
from instep.steps.lag import Cause, Lag
from instep.steps.state import FolderState


class Spellings:
    """Blocking, used by the folder's one writer only. On a disk that keeps names apart it does nothing."""

    def __init__(self, state: FolderState) -> None:
        self._state = state

    def others(self, path: RelPath) -> set[RelPath]:
        """What a change of this path may be about too: other spellings, and what waits for its place."""
        if not self._state.work_tree.folds:
            return set()
        wanted = folded(path)
        found = {lagging for lagging in self._state.lag.paths if _meet(folded(lagging), wanted)}
        found |= {other for other in self._siblings(path) if folded(other) == wanted}
        return found - {path}

    def has_no_place(self, path: RelPath) -> bool:
        """Whether a recorded path is not there because another recorded one has its place. It lags then."""
        state = self._state
        if not state.work_tree.folds:
            return False
        for depth in range(1, path.count(b"/") + 2):
            name = RelPath(b"/".join(path.split(b"/")[:depth]))
            there = self._on_disk(RelPath(name.rpartition(b"/")[0]))
            if name in there:
                continue
            if any(folded(other) == folded(name) and self._is_recorded(other) for other in there):
                reason = str(Refused(name, Reason.NAME_TAKEN))
                if path not in state.lag:
                    state.lag.add(path, Lag(None, None, Cause.BLOCKED, reason))
                return True
            return False
        return False

    def _is_recorded(self, path: RelPath) -> bool:
        return lookup(self._state.tree, path, self._state.repo.objects.tree) is not None

    def _siblings(self, path: RelPath) -> Iterator[RelPath]:
        directory = RelPath(path.rpartition(b"/")[0])
        yield from self._on_disk(directory)
        read = self._state.repo.objects.tree
        entry = lookup(self._state.tree, directory, read)
        names = read(entry.oid) if entry is not None and entry.is_tree else ()
        yield from (RelPath(os.path.join(directory, name)) for name in names)

    def _on_disk(self, directory: RelPath) -> set[RelPath]:
        try:
            fd = open_beneath(self._state.work_tree.root_fd, directory, os.O_PATH | os.O_DIRECTORY)
        except OSError:
            return set()
        try:
            return {RelPath(os.path.join(directory, name)) for name in names_in(fd)}
        finally:
            os.close(fd)


def _meet(one: bytes, other: bytes) -> bool:
    """Whether one of them is the other, or lies below it."""
    return (one + b"/").startswith(other + b"/") or (other + b"/").startswith(one + b"/")
