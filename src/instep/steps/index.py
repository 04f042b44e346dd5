"""git's index, written late: so that `git status` is clean and reads no file (I30).

No step needs the index; people and their tools do. It is brought to the branch's tree when the folder has
been quiet for a moment, under git's own lock, and only where a person has not staged something else (I27).

The whole file is written each time, 80 MB where there are a million files, so the moment is the longer the
dearer the last writing was.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from itertools import islice

import anyio

from instep.core.tree import diff, lookup
from instep.core.types import MODE_GITLINK, Change, Entry, Oid, RelPath
from instep.fs.identity import Identity
from instep.fs.read import Gone, identify
from instep.git.index import IndexBusy, IndexUpdate, write_index
from instep.steps.mailbox import Mailbox
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

_NOTHING: Mapping[RelPath, Entry | None] = {}


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
        self._late: dict[RelPath, Entry | None] = {}
        self._unsettled: set[RelPath] = set()
        self._now: set[RelPath] = set()
        self._took_s = 0.0
        self._failed = False
        """Whether a writing was begun that did not come to its end."""
        self._is_elsewhere = False
        self.mailbox: Mailbox[set[RelPath]] = Mailbox(set[RelPath])

    def start_from(
        self, tree: Oid | None, paths: Iterable[RelPath] = (), late: Mapping[RelPath, Entry | None] = _NOTHING
    ) -> None:
        """The index holds this tree but for these paths; of some it has what an earlier commit had (`late`),
        because the process before was killed. The others a person staged."""
        self._tree = tree
        self._late = dict(late)
        self.touch(paths)

    def touch(self, paths: Iterable[RelPath] = ()) -> None:
        """The branch moved, or these files did."""
        self.mailbox.content.update(paths)
        self.mailbox.ring()

    async def run(self) -> None:
        """Work until cancelled. After a failure the next run goes on at once."""
        while True:
            if not self._failed:
                self._unsettled |= await self.mailbox.take()
                await self._until_quiet()
            self._failed = True
            while await self._state.work(self._write):
                self._unsettled |= self.mailbox.content
                self.mailbox.content.clear()
            self._failed = False
            if self._unsettled or self._is_elsewhere:
                self.touch()
            if self._written is not None:
                await self._written()

    async def _until_quiet(self) -> None:
        with anyio.move_on_after(max(LATEST_S, 2 * PATIENCE * self._took_s)):
            while len(self._unsettled) < self._at_once:
                with anyio.move_on_after(max(QUIET_S, PATIENCE * self._took_s)) as quiet:
                    self._unsettled |= await self.mailbox.take()
                if quiet.cancelled_caught:
                    return

    def _write(self) -> bool:
        """Bring some entries up to date; whether there are more."""
        state, started = self._state, time.monotonic()
        self._is_elsewhere = not state.is_at_head()
        if self._is_elsewhere:  # a person's git wrote the index of another commit: later
            return False
        updates = self._updates()
        try:
            self._unsettled |= write_index(state.repo, updates)
        except BaseException as error:
            self._unsettled |= self._now | updates.keys()
            self._changes = None
            if isinstance(error, IndexBusy):  # a person's git is at work: later
                return False
            raise
        self._took_s = time.monotonic() - started
        for path in updates:
            self._late.pop(path, None)
        state.turns.note_index()
        if len(updates) >= self._at_once:
            return True
        self._tree, self._changes = self._target, None
        return False

    def _updates(self) -> dict[RelPath, IndexUpdate]:
        """The next updates: first where the trees differ, then where the files may be known better."""
        if self._changes is None:
            self._target = self._state.tree
            self._changes = diff(self._tree, self._target, self._state.repo.objects.tree)
            self._now, self._unsettled = self._unsettled, set()
        paths: dict[RelPath, Change | None] = {c.path: c for c in islice(self._changes, self._at_once)}
        self._now -= paths.keys()
        while self._now and len(paths) < self._at_once:
            paths[self._now.pop()] = None
        return {path: self._update(path, change) for path, change in paths.items()}

    def _update(self, path: RelPath, change: Change | None) -> IndexUpdate:
        entry = lookup(self._target, path, self._state.repo.objects.tree)
        entry = None if entry is not None and entry.is_tree else entry
        before = entry if change is None else change.old
        return IndexUpdate(self._late.get(path, before), entry, self._stat(path, entry))

    def _stat(self, path: RelPath, entry: Entry | None) -> Identity | None:
        """The file's identity, if it is known to hold this entry."""
        if entry is None or entry.mode == MODE_GITLINK or path in self._state.lag:
            return None
        try:
            identity = identify(self._state.work_tree.root_fd, path)
        except (Gone, OSError):
            return None
        return identity if self._state.known.entry(path, identity) == entry else None
