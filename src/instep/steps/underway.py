"""The merge that is being put into the work tree, noted for the next start, should this process be killed.

What a killed process had put in place is no edit of a person's: committed as one it would meet what others
did to these files since as a conflict, and bring back what they deleted (I17). So the next start recognises
it, by reading, and goes on with that merge (ADR 23). The note is not synced: after a power cut it may be
gone, or be of an earlier merge, or objects of that merge are gone; what was put in place is committed then
(ADR 2).
"""

import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import NamedTuple

from instep.core.tree import MalformedTree, diff
from instep.core.types import MODE_GITLINK, Change, Oid, RelPath
from instep.fs.read import Gone, identify
from instep.git.errors import GitError
from instep.git.packs import check_connected
from instep.steps.recognise import found
from instep.steps.state import FolderState


class Resumed(NamedTuple):
    """A merge to go on with: the head that arrived, and those of its changes that were put in place."""

    head: Oid
    changes: list[Change]


class Underway:
    """The note, in a file of the folder's private directory. Blocking, for the folder's one writer."""

    def __init__(self, state: FolderState) -> None:
        self._state = state
        self._file = state.repo.private + b"/underway"

    def note(self, head: Oid, tree: Oid) -> None:
        """The work tree is about to be brought to this tree, which makes one of our head and this one. The
        objects of both are durable before the first file is put in place. Raises OSError."""
        before = self._state.head
        words = [oid.hex() if oid is not None else "" for oid in (head, tree, before)]
        text = " ".join(words).ljust(3 * len(words[0]) + 2)  # it is written over the last one
        fd = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)

    def resume(self, dirty: Collection[RelPath]) -> Resumed | None:
        """What an earlier process left half done, if the branch still stands where it began. Only `dirty`
        paths are looked at."""
        noted = self._read()
        if noted is None:
            return None
        head, tree = noted
        try:
            changes = list(diff(self._state.tree, tree, self._state.repo.objects.tree))
            there = [change for change in changes if change.path in dirty and self._stands(change)]
            if not there or not self._is_whole(head, changes):
                return None
        except (GitError, MalformedTree):
            return None  # it had not come to the work tree, or a power cut took objects with it
        return Resumed(head, there)

    def _is_whole(self, head: Oid, changes: Iterable[Change]) -> bool:
        """Whether all that the merge needs is here and can be read. Raises GitError."""
        repo = self._state.repo
        for change in changes:
            if change.new is not None and change.new.mode != MODE_GITLINK:
                repo.objects.read(change.new.oid)
        return check_connected(repo, [head])

    def _read(self) -> tuple[Oid, Oid] | None:
        try:
            with open(self._file, "rb") as file:
                head, tree, *before = (Oid(bytes.fromhex(word.decode())) for word in file.read().split())
        except (OSError, ValueError):
            return None
        return (head, tree) if before == [oid for oid in (self._state.head,) if oid is not None] else None

    def _stands(self, change: Change) -> bool:
        state, path, new = self._state, change.path, change.new
        with suppress(OSError):
            try:
                identity = identify(state.work_tree.root_fd, path)
            except Gone:
                return new is None
            return new is not None and found(state, path, identity, new)
        return False
