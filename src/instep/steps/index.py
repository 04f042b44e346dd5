"""git's index, written late: so that `git status` is clean and reads no file (I30).

No step needs the index; people and their tools do. It is brought to the branch's tree when the folder has
been quiet for a moment, under git's own lock, and only where a person has not staged something else (I27).

The whole file is written each time, 80 MB where there are a million files, so the moment is the longer the
dearer the last writing was. The folder's writer is needed for what goes into it, a piece at a time, and for
giving it its name; not while it is written.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeVar

import anyio
import anyio.to_thread

from instep.core.tree import diff, lookup_file
from instep.core.types import MODE_GITLINK, Change, Entry, Oid, RelPath
from instep.fs.identity import Identity
from instep.fs.read import Gone
from instep.git.index import IndexBusy, IndexDraft, IndexUpdate, draft_index
from instep.steps.mailbox import Mailbox
from instep.steps.recognise import recognised
from instep.steps.state import FolderState

QUIET_S = 1.5
"""The index is written when nothing happened for this long (an entry as young as the index is not trusted
by git).
"""
LATEST_S = 15.0
"""... or when it has been due for this long."""
PATIENCE = 20
"""It is not written more often than so many times what writing takes."""
AT_ONCE = 1 << 15
"""Entries brought up to date in one go: what is known of the files is not kept for many more."""
PIECE = 1 << 10
"""Entries looked up before others who wait for the writer get their turn; some 10 ms."""
RECENT_S = 30.0
"""A git that writes the index read it at most so long before."""

R = TypeVar("R")

_NOTHING: Mapping[RelPath, Entry | None] = {}


class Spent:
    """The time that work took, without what it waited for its turn: a person may have something half done for
    minutes."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def on(self, work: Callable[[], R]) -> R:
        """Does the work, and counts its time."""
        began_s = time.monotonic()
        try:
            return work()
        finally:
            self.seconds += time.monotonic() - began_s


class IndexStep:
    """Keeps the index near the branch."""

    def __init__(
        self,
        state: FolderState,
        written: Callable[[], Awaitable[None]] | None = None,
        *,
        at_once: int = AT_ONCE,
    ) -> None:
        """`written` is told each time after the index was brought up to date."""
        self._state = state
        self._at_once = at_once
        self._written = written
        self._tree: Oid | None = None
        self._target: Oid | None = None
        self._changes: Iterator[Change] | None = None
        self._late: dict[RelPath, tuple[Entry | None, ...]] = {}
        self._unsettled: set[RelPath] = set()
        self._now: set[RelPath] = set()
        self._took_s = 0.0
        self._failed = False
        """Whether a writing was begun that did not come to its end."""
        self._is_elsewhere = False
        self._placed: Identity | None = None
        """The index that was written here last."""
        self._recent: dict[RelPath, float] = {}
        """What was written into it, and when (monotonic seconds). Never changed in place: the writer's thread
        makes it, the event loop reads it."""
        self.mailbox: Mailbox[set[RelPath]] = Mailbox(set[RelPath])

    def start_from(
        self, tree: Oid | None, paths: Iterable[RelPath] = (), late: Mapping[RelPath, Entry | None] = _NOTHING
    ) -> None:
        """The index holds this tree but for these paths; of some it has what an earlier commit had (`late`),
        because the process before was killed. The others a person staged."""
        self._tree = tree
        self._late = {path: (entry,) for path, entry in late.items()}
        self.touch(paths)

    def touch(self, paths: Iterable[RelPath] = ()) -> None:
        """The branch moved, or these files did."""
        self.mailbox.content.update(paths)
        self.mailbox.ring()

    def look_again(self) -> None:
        """The index was written. A person's git may have read it before we wrote it, and have put it back as
        it was: git takes its lock only then. With the sizes that files had before, git takes them for
        changed. # I30"""
        oldest_s = time.monotonic() - RECENT_S
        recent = [path for path, at_s in self._recent.items() if at_s > oldest_s]
        if recent and self._state.turns.mark() != self._placed:
            self.touch(recent)

    async def run(self) -> None:
        """Work until cancelled. After a failure the next run goes on at once."""
        while True:
            if not self._failed:
                self._unsettled |= await self.mailbox.take()
                await self._until_quiet()
            self._failed = True
            while await self._write():
                self._unsettled |= self.mailbox.content
                self.mailbox.content.clear()
            self._failed = False
            if self._unsettled or self._is_elsewhere:
                self.touch()
            if self._written is not None:
                await self._written()

    async def finish(self) -> None:
        """At a clean end: bring it to where the branch is, or to a person's git what was committed last would
        look as if it were to be taken back. What is too young to be trusted stays so."""
        self._unsettled |= self.mailbox.content
        while await self._write():
            pass
        if self._written is not None:
            await self._written()

    async def _until_quiet(self) -> None:
        with anyio.move_on_after(max(LATEST_S, 2 * PATIENCE * self._took_s)):
            while len(self._unsettled) < self._at_once:
                with anyio.move_on_after(max(QUIET_S, PATIENCE * self._took_s)) as quiet:
                    self._unsettled |= await self.mailbox.take()
                if quiet.cancelled_caught:
                    return

    async def _write(self) -> bool:
        """Bring some entries up to date; whether there are more."""
        work, spent = self._state.work, Spent()
        updates: dict[RelPath, IndexUpdate] = {}
        try:
            while await work(lambda: spent.on(lambda: self._look(updates))):
                pass
            draft = await anyio.to_thread.run_sync(
                lambda: spent.on(lambda: draft_index(self._state.repo, updates))
            )
            more = await work(lambda: spent.on(lambda: self._place(draft, updates)))
        except BaseException as error:
            self._give_back(updates)
            if isinstance(error, IndexBusy):  # a person's git is at work: later
                return False
            raise
        self._took_s = spent.seconds
        return more

    def _look(self, updates: dict[RelPath, IndexUpdate]) -> bool:
        """Add the next updates: first where the trees differ, then where the files may be known better.

        Whether there are more for this time.
        """
        self._check_head()
        if self._state.passed_by:
            for path, entries in self._state.passed_by.items():
                self._late[path] = (*self._late.get(path, ()), *entries)
            self._unsettled |= self._state.passed_by.keys()
            self._state.passed_by = {}
        if self._changes is None:
            self._state.repo.objects.kept.release()
            self._target = self._state.tree
            self._changes = diff(self._tree, self._target, self._state.repo.objects.tree)
            self._now, self._unsettled = self._unsettled, set()
        count = min(PIECE, self._at_once - len(updates))
        paths: dict[RelPath, Change | None] = {c.path: c for c in islice(self._changes, count)}
        self._now -= paths.keys()
        while self._now and len(paths) < count:
            paths[self._now.pop()] = None
        updates |= {path: self._update(path, change) for path, change in paths.items()}
        return len(paths) == PIECE and len(updates) < self._at_once

    def _place(self, draft: IndexDraft, updates: Mapping[RelPath, IndexUpdate]) -> bool:
        """Make it the index; whether there are more updates. Raises IndexBusy."""
        self._check_head()
        draft.place()
        self._state.turns.note_index()
        if draft.is_written:
            self._placed, now_s = self._state.turns.mark(), time.monotonic()
            recent = {path: at_s for path, at_s in self._recent.items() if at_s > now_s - RECENT_S}
            self._recent = recent | dict.fromkeys(updates, now_s)
        self._unsettled |= draft.unsettled
        for path in updates:
            self._late.pop(path, None)
        if len(updates) >= self._at_once:
            return True
        self._tree, self._changes = self._target, None
        return False

    def _check_head(self) -> None:
        """Raises IndexBusy where a person's git has made HEAD another commit than ours: what the index holds
        belongs to that one."""
        self._is_elsewhere = not self._state.is_at_head()
        if self._is_elsewhere:
            raise IndexBusy("HEAD is at another commit.")

    def _give_back(self, updates: Mapping[RelPath, IndexUpdate]) -> None:
        self._unsettled |= self._now | updates.keys()
        self._changes = None

    def _update(self, path: RelPath, change: Change | None) -> IndexUpdate:
        entry = lookup_file(self._target, path, self._state.repo.objects.tree)
        before = entry if change is None else change.old
        identity = self._stat(path, entry)
        is_absent = entry is not None and identity is None and self._state.sparse.leaves_out(path)
        return IndexUpdate(before, entry, identity, is_absent, self._late.get(path, ()))

    def _stat(self, path: RelPath, entry: Entry | None) -> Identity | None:
        """The file's identity, if it is known to hold this entry."""
        if (
            entry is None
            or entry.mode == MODE_GITLINK
            or path in self._state.lag
            or path in self._state.ahead
        ):
            return None
        try:
            return recognised(self._state, path, entry)
        except (Gone, OSError):
            return None
