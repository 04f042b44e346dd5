"""git's index, written late: so that `git status` is clean and reads no file.

No step needs the index; people and their tools do. It is brought to the branch's tree when the folder has
been quiet for a moment, in one go, under git's own lock, and only where a person has not staged something
else (I27).
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping

import anyio

from instep.core.tree import diff, lookup
from instep.core.types import MODE_GITLINK, Entry, Oid, RelPath
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

_NOTHING: Mapping[RelPath, Entry | None] = {}


class IndexStep:
    """Keeps the index near the branch."""

    def __init__(self, state: FolderState, written: Callable[[], Awaitable[None]] | None = None) -> None:
        """`written` is told each time after the index was brought up to date."""
        self._state = state
        self._written = written
        self._tree: Oid | None = None
        self._late: dict[RelPath, Entry | None] = {}
        self._unsettled: set[RelPath] = set()
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
        """Work until cancelled."""
        while True:
            paths = await self.mailbox.take()
            paths |= await self._until_quiet()
            self._unsettled |= paths
            await self._state.work(self._write)
            if self._unsettled:
                self.touch()
            if self._written is not None:
                await self._written()

    async def _until_quiet(self) -> set[RelPath]:
        more: set[RelPath] = set()
        with anyio.move_on_after(LATEST_S):
            while True:
                with anyio.move_on_after(QUIET_S) as quiet:
                    more |= await self.mailbox.take()
                if quiet.cancelled_caught:
                    return more
        return more

    def _write(self) -> None:
        state = self._state
        read = state.repo.objects.tree
        old, new = self._tree, state.tree
        changes = {change.path: change for change in diff(old, new, read)}
        updates: dict[RelPath, IndexUpdate] = {}
        for path in {*changes, *self._unsettled}:
            entry = lookup(new, path, read)
            entry = None if entry is not None and entry.is_tree else entry
            before = changes[path].old if path in changes else entry
            before = self._late.get(path, before)
            updates[path] = IndexUpdate(before, entry, self._stat(path, entry))
        try:
            self._unsettled = set(write_index(state.repo, updates))
        except IndexBusy:
            self._unsettled = set(updates)  # a person's git is at work: later
            return
        self._late = {path: entry for path, entry in self._late.items() if path not in updates}
        state.turns.note_index()
        self._tree = new

    def _stat(self, path: RelPath, entry: Entry | None) -> Identity | None:
        """The file's identity, if it is known to hold this entry."""
        if entry is None or entry.mode == MODE_GITLINK or path in self._state.lag:
            return None
        try:
            identity = identify(self._state.work_tree.root_fd, path)
        except (Gone, OSError):
            return None
        return identity if self._state.known.entry(path, identity) == entry else None
