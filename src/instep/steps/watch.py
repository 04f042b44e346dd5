"""The first step: what the kernel tells becomes paths to look at.

Events are hints (I15): they say where to look, never what is there. Lost ones are made good by a scan.
"""

from collections.abc import Callable, Iterable

import anyio

from instep.core.status import shown
from instep.core.types import RelPath
from instep.fs.watcher import Observed, TreeWatcher
from instep.steps.state import FolderState

FEW = 64
"""Up to here, paths are looked at for echoes at once; more are left to the commit step."""


class WatchStep:
    """Reads the watcher and tells the commit step; changes of git's own files go to `tell_git`."""

    def __init__(
        self,
        state: FolderState,
        watcher: TreeWatcher,
        tell: Callable[[Iterable[RelPath], Iterable[RelPath]], None],
        tell_git: Callable[[set[str]], None],
    ) -> None:
        self._state = state
        self._watcher = watcher
        self._tell = tell
        self._tell_git = tell_git

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await anyio.wait_readable(self._watcher)
            self.read()

    def read(self) -> None:
        """Take in all that the kernel has told so far; what was done before this call is among it."""
        observed = self._watcher.read()
        if observed.root_gone:
            self._state.board.raise_condition("folder-gone", "", "it was moved, deleted or unmounted")
        self._limits(observed)
        ignore_files = {path for path in observed.dirty if path.rpartition(b"/")[2] == b".gitignore"}
        if ignore_files or "exclude" in observed.extra:  # I22
            self._state.ignore.forget()
            self._watcher.refresh()
            observed.scan.add(RelPath(b""))
        if len(observed.dirty) <= FEW:
            observed.dirty = {path for path in observed.dirty if not self._state.is_echo(path)}
        self._tell(observed.dirty, observed.scan)
        if observed.extra:
            self._tell_git(observed.extra)

    def _limits(self, observed: Observed) -> None:
        if self._watcher.unwatched:
            self._state.board.raise_condition("watch-limit", shown(min(self._watcher.unwatched)))
        for path in self._watcher.nested:
            self._state.board.raise_condition("left-alone-repository", shown(path))
