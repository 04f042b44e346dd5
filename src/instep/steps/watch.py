"""The first step: what the kernel tells becomes paths to look at.

Events are hints (I15): they say where to look, never what is there. Lost ones are made good by a scan. Where
the kernel can't tell, the folder is looked at, the more seldom the longer it takes.
"""

import errno
import time
from collections.abc import Callable, Iterable
from contextlib import closing

import anyio
import anyio.to_thread

from instep.core.status import shown
from instep.core.tree import lookup
from instep.core.types import RelPath
from instep.fs.gitdir import EVERYTHING
from instep.fs.mounts import MountChanges
from instep.fs.watcher import TreeWatcher
from instep.steps.gone import is_gone
from instep.steps.state import FolderState

FEW = 64
"""Up to here, paths are looked at for echoes at once; more are left to the commit step."""
BUSY_EVERY_S = 0.002
"""While the writer works, what the kernel tells is read so often: a burst is thousands of events."""
LOOK_EVERY_S = 1.0
"""At most so often the folder is looked at where the kernel does not tell."""
LOOK_SHARE = 50
"""And so many times as long as a look takes is waited before the next: two hundredths of one core. # I28"""


class WatchStep:
    """Reads the watcher and tells the commit step; changes of git's own files go to `tell_git`."""

    def __init__(
        self,
        state: FolderState,
        watcher: TreeWatcher,
        tell: Callable[[Iterable[RelPath], Iterable[RelPath]], None],
        tell_git: Callable[[set[str]], None],
        tell_busy: Callable[[Iterable[RelPath]], None],
    ) -> None:
        self._state = state
        self._watcher = watcher
        self._tell = tell
        self._tell_git = tell_git
        self._tell_busy = tell_busy
        self._looking = anyio.Lock()
        self._lost = False
        """Whether something was taken from the watcher and not told of, because that failed."""
        self._hidden: set[RelPath] = set()
        self._unheard = anyio.Event()
        self._hears = anyio.Event()
        self._note_unheard()

    async def run(self) -> None:
        """Work until cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._listen)
            tasks.start_soon(self._look_on)
            tasks.start_soon(self._mind_mounts)

    async def _mind_mounts(self) -> None:
        """A drive that is unmounted while it is in use tells nothing else than this. # I8"""
        with closing(MountChanges()) as mounts:
            while True:  # what changed before is not told of
                if await anyio.to_thread.run_sync(is_gone, self._state, abandon_on_cancel=True):
                    self._state.gone.set()
                else:
                    self._mind_inner_mounts()
                await anyio.wait_readable(mounts)
                mounts.read()

    def _mind_inner_mounts(self) -> None:
        """A drive inside the folder came or went. # I8"""
        state = self._state
        changed = state.mounts.refresh(
            lambda path: lookup(state.tree, path, state.repo.objects.tree) is not None
        )
        if changed:
            self._watcher.refresh()
            self._tell_all(set(), changed, set())
        for point in state.mounts.missing:
            state.board.raise_condition("mount-gone", shown(point))
        for point in changed - state.mounts.missing:
            state.board.clear_condition("mount-gone", shown(point))

    async def _listen(self) -> None:
        await self._hears.wait()
        if self._lost:
            self.read()
        while True:
            await anyio.wait_readable(self._watcher)
            self.read()
            if self._state.writer.locked():  # before that is done nobody takes it
                await anyio.sleep(BUSY_EVERY_S)

    async def _look_on(self) -> None:
        while True:
            await self._unheard.wait()
            began_s = time.monotonic()
            await self.look()
            await anyio.sleep(max(LOOK_EVERY_S, LOOK_SHARE * (time.monotonic() - began_s)))

    def is_hidden(self, path: RelPath) -> bool:
        """Whether it is in a directory that can't be listed, which is said."""
        return any(path.startswith(directory + b"/" if directory else b"") for directory in self._hidden)

    async def look(self) -> None:
        """As read; and have a look where the kernel can't tell. # I21"""
        self.read()
        async with self._looking:
            if self._watcher.unheard:
                try:
                    await self._look()
                except BaseException:  # a cancel too: what was seen is not seen again
                    self._lost = True
                    raise
        self._note_unheard()

    async def _look(self) -> None:
        watcher = self._watcher
        self._regain()
        unheard = watcher.unheard
        try:
            seen = await anyio.to_thread.run_sync(watcher.look, unheard, abandon_on_cancel=True)
        except OSError:
            if not is_gone(self._state):
                raise
            self._state.gone.set()
        else:
            self._tell_all(seen.dirty, seen.scan, watcher.look_at_git())

    def read(self) -> None:
        """Take in all that the kernel has told so far; what was done before this call is among it."""
        lost, self._lost = self._lost, True
        observed = self._watcher.read()
        if lost:  # I21
            self._watcher.refresh()
            observed.scan.add(RelPath(b""))
            observed.extra |= EVERYTHING
        if observed.root_gone and is_gone(self._state):
            self._state.gone.set()
            return
        self._tell_all(observed.dirty, observed.scan, observed.extra)
        if observed.busy:
            self._tell_busy(observed.busy)
        self._lost = False
        self._note_unheard()

    def _regain(self) -> None:
        """Watch what could not be watched, if the limit was raised meanwhile."""
        gained = self._watcher.retry()
        if gained:
            self._tell_all(set(), gained, set(EVERYTHING))

    def _tell_all(self, dirty: set[RelPath], scan: set[RelPath], git: set[str]) -> None:
        names = {path.rpartition(b"/")[2] for path in dirty}
        if "exclude" in git or scan or b".gitattributes" in names:  # I22
            self._state.settings.attributes.forget()
            dirty = dirty | self._state.undecided.keys()
        if "exclude" in git or b".gitignore" in names:  # I22
            self._state.ignore.forget()
            self._watcher.refresh()
            scan = scan | {RelPath(b"")}
        if len(dirty) <= FEW:
            dirty = {path for path in dirty if not self._state.is_echo(path)}
        self._tell(dirty, scan)
        if git:
            self._tell_git(git)

    def _note_unheard(self) -> None:
        """Say what is not heard of, and have it looked at."""
        watcher, board = self._watcher, self._state.board
        for path in watcher.repositories:
            board.raise_condition("left-alone-repository", shown(path))
        before, self._hidden = self._hidden, watcher.hidden
        for path in self._hidden - before:
            board.raise_condition("directory-unreadable", shown(path or b"."))
        for path in before - self._hidden:
            board.clear_condition("directory-unreadable", shown(path or b"."))
        if watcher.hears:
            self._hears.set()
        if watcher.unheard and not self._unheard.is_set():
            self._unheard.set()
        elif not watcher.unheard and self._unheard.is_set():
            self._unheard = anyio.Event()
        self._say_limits(watcher.unwatched - watcher.hidden if watcher.hears else set(), watcher.why_deaf)

    def _say_limits(self, unwatched: set[RelPath], why_deaf: int) -> None:
        board = self._state.board
        if unwatched:
            more = f" and {len(unwatched) - 1} more" if len(unwatched) > 1 else ""
            board.raise_condition("watch-limit", "", shown(min(unwatched) or b"the folder") + more)
        else:
            board.clear_condition("watch-limit")
        if why_deaf:
            code = "watching-unavailable" if why_deaf == errno.ENOSYS else "instances-used-up"
            board.raise_condition(code)
        else:
            board.clear_condition("instances-used-up")
