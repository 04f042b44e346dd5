"""Taking turns with the git commands of a person in the same work tree. # I27

A git that changes the work tree (checkout, reset, merge, stash) holds `index.lock` all the while; then it
puts the new index in place, and only after that it moves HEAD or the branch. What the work tree holds in
between belongs to a commit that HEAD does not name yet: committed then, a checkout would look like edits of
the branch that it left.
"""

import os
import time

import anyio
import anyio.to_thread

from instep.fs.identity import Identity
from instep.git.locks import git_at_work
from instep.git.repository import Repository

LOOK_S = 0.02
LOCK_LIFE_S = 30.0
"""A lock that has lain there for so long belongs to nobody."""
INDEX_LIFE_S = 2.0
"""So long after it wrote the index a git may be about to move HEAD; one that lives longer shows a pager."""


class Turns:
    """Knows whether somebody else's git is at work. One thread at a time: the folder's one writer."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._index: Identity | None = None
        self.note_index()

    def note_index(self) -> None:
        """The index as it is now is our own, or its git is done."""
        self._index = self._identity()

    async def wait(self) -> None:
        """Until no git command is in the middle of changing the work tree."""
        while True:
            while self._is_locked():  # noqa: ASYNC110 - its end rings no bell
                await anyio.sleep(LOOK_S)
            index = self._identity()
            if index == self._index:
                return
            if index is None or not await anyio.to_thread.run_sync(self._may_move_head, index):
                self._index = index
                continue  # it may have begun again
            await anyio.sleep(LOOK_S)

    def mark(self) -> Identity | None:
        """To be compared later: the same mark, and no git command changed the work tree in between."""
        return None if self._is_locked() else self._identity()

    def _may_move_head(self, index: Identity) -> bool:
        return time.time() - index.mtime_ns / 1e9 < INDEX_LIFE_S and git_at_work(self._repo)

    def _is_locked(self) -> bool:
        try:
            found = os.lstat(self._repo.git_dir + b"/index.lock")
        except FileNotFoundError:
            return False
        return time.time() - found.st_mtime < LOCK_LIFE_S

    def _identity(self) -> Identity | None:
        try:
            return Identity.of(os.lstat(self._repo.git_dir + b"/index"))
        except FileNotFoundError:
            return None
