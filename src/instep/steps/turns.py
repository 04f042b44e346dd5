"""Taking turns with the git commands of a person in the same work tree. # I27

A git that changes the work tree (checkout, reset, merge, stash) holds `index.lock` all the while; then it
puts the new index in place, and only after that it moves HEAD or the branch. What the work tree holds in
between belongs to a commit that HEAD does not name yet: committed then, a checkout would look like edits of
the branch that it left. The lock of a git that was killed belongs to nobody, and is taken away. A merge
writes ORIG_HEAD before it takes the lock; what came in between the two is for `crossed` to tell.

What a person leaves half done (a merge with conflicts, a rebase that stopped, a detached HEAD) is waited for
too, however long it takes, and the status says so; nothing is written to the work tree or the branch
meanwhile.
"""

import os
import time
from collections import deque

import anyio
import anyio.to_thread

from instep.core.status import shown
from instep.fs.identity import Identity
from instep.git.locks import git_at_work, mover_at_work, remove_stale_locks
from instep.git.repository import Repository
from instep.git.unfinished import Unfinished, unfinished
from instep.steps.ports import Board

LOOK_S = 0.02
SUSPECT_AFTER_S = 1.0
"""A lock that is held for longer may be that of a git that was killed."""
LOCK_LIFE_S = 30.0
"""A lock that is held for longer is not waited for: a person's editor may be open meanwhile. Nor is a merge,
a checkout or the like that wrote the index so long ago."""
INDEX_LIFE_S = 2.0
"""So long after it wrote the index any other git may be about to move HEAD: one that lives longer shows a
pager."""
MERGES = 16
"""So many are remembered."""
LOOK_AGAIN_S = 5.0
"""While something is half done, its end is looked for at every hint and, since hints get lost, so often."""


class Turns:
    """Knows whether somebody else's git is at work. One thread at a time: the folder's one writer."""

    def __init__(self, repo: Repository, board: Board) -> None:
        self._repo = repo
        self._board = board
        self._index: Identity | None = None
        self._begun = self._identity("ORIG_HEAD")
        """Where the last merge began that is over by now."""
        self._under_way: set[float] = set()
        """When merges began that are not known to be over."""
        self.merges: deque[tuple[float, float]] = deque(maxlen=MERGES)
        """The last merges that are over: when each wrote where it began, and when it was found to be over, in
        seconds since the epoch. One git command may be several (`git annex sync`)."""
        self._suspect_at = 0.0
        self._said: Unfinished | None = None
        self._hinted: anyio.Event | None = None
        self.note_index()

    def note_index(self) -> None:
        """The index as it is now is our own, or its git is done."""
        self._index = self._identity("index")

    async def wait(self) -> None:
        """Until no git command is in the middle of changing the work tree."""
        while True:
            await self._until_unlocked()
            if self.look():
                self._hinted = self._hinted or anyio.Event()
                with anyio.move_on_after(LOOK_AGAIN_S):
                    await self._hinted.wait()
                continue
            begun = self._identity("ORIG_HEAD")
            if begun != self._begun:
                if begun is not None:
                    self._under_way.add(begun.mtime_ns / 1e9)
                if begun is not None and await anyio.to_thread.run_sync(self._is_at_work_since, begun):
                    await anyio.sleep(LOOK_S)
                else:
                    self._begun = begun
                    self._end_merges()
                continue
            index = self._identity("index")
            if index == self._index:
                return
            if index is None or not await anyio.to_thread.run_sync(self._may_move_head, index):
                self._index = index
                continue  # it may have begun again
            await anyio.sleep(LOOK_S)

    def _end_merges(self) -> None:
        over_s = time.time()
        self.merges.extend((begun_s, over_s) for begun_s in sorted(self._under_way))
        self._under_way.clear()

    def hint(self) -> None:
        """Something changed in the git directory: something was begun, perhaps, or is finished."""
        self.look()
        if self._hinted is not None:
            self._hinted.set()
            self._hinted = None

    @property
    def half_done(self) -> str | None:
        """What was waited for when it was last looked at."""
        return self._said and (self._said.what or "a branch to be checked out")

    def look(self) -> bool:
        """Whether a person has something half done now; the conditions on the board follow it. # I29"""
        found = unfinished(self._repo.git_dir)
        if found != self._said:
            for code in ("half-done", "branch-detached"):
                self._board.clear_condition(code)
            if found is not None:
                code = "half-done" if found.what else "branch-detached"
                self._board.raise_condition(code, "", f"{found.what} ({found.way_out} gives it up)")
            self._said = found
        return found is not None

    async def unlock(self) -> None:
        """Take away what killed gits left locked; to be called as the folder's one writer."""
        for path in await anyio.to_thread.run_sync(remove_stale_locks, self._repo):
            self._board.log("lock", f"Removed the lock of a git that was killed: {shown(path)}")

    async def _until_unlocked(self) -> None:
        while (age_s := self._lock_age_s()) is not None:
            if age_s >= SUSPECT_AFTER_S and anyio.current_time() >= self._suspect_at:
                await self.unlock()
                self._suspect_at = anyio.current_time() + SUSPECT_AFTER_S
            elif age_s >= LOCK_LIFE_S:
                return
            else:
                await anyio.sleep(LOOK_S)  # its end rings no bell

    def mark(self) -> Identity | None:
        """To be compared later: the same mark, and no git command changed the work tree in between."""
        return None if self._lock_age_s() is not None else self._identity("index")

    def _may_move_head(self, index: Identity) -> bool:
        if _age_s(index) < INDEX_LIFE_S:
            return git_at_work(self._repo, self._repo.git_dir + b"/index")
        return self._is_at_work_since(index)  # its hooks, or a busy disk, take their time

    def _is_at_work_since(self, file: Identity) -> bool:
        return _age_s(file) < LOCK_LIFE_S and mover_at_work(self._repo)

    def _lock_age_s(self) -> float | None:
        """None: nobody holds the lock. As old is one from the future, before the clock was set back (I20)."""
        try:
            return abs(time.time() - os.lstat(self._repo.git_dir + b"/index.lock").st_mtime)
        except FileNotFoundError:
            return None

    def _identity(self, name: str) -> Identity | None:
        try:
            return Identity.of(os.lstat(self._repo.git_dir + b"/" + name.encode()))
        except FileNotFoundError:
            return None


def _age_s(file: Identity) -> float:
    """As old is one from the future, before the clock was set back (I20)."""
    return abs(time.time() - file.mtime_ns / 1e9)
