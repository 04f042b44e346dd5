"""How the folder and its remotes stand: what keeps them from being in step, for the board and for `wait`."""

import anyio

from instep.core.errors import InstepError
from instep.core.status import shown
from instep.core.types import RelPath
from instep.daemon.board import StatusBoard
from instep.daemon.peers import Peers
from instep.steps.commit import CommitStep
from instep.steps.lag import Cause
from instep.steps.merge import MergeStep
from instep.steps.state import FolderState
from instep.steps.transfer import TransferStep


class Standing:
    """One folder's. Asked in the event loop; nothing here blocks."""

    def __init__(  # noqa: PLR0917
        self,
        state: FolderState,
        commit: CommitStep,
        merge: MergeStep,
        transfer: TransferStep,
        peers: Peers,
        board: StatusBoard,
    ) -> None:
        self._state = state
        self._commit = commit
        self._merge = merge
        self._transfer = transfer
        self._peers = peers
        self._board = board
        self._changed = anyio.Event()
        self._blocked: set[RelPath] = set()

    def show(self) -> None:
        """Say on the board how things stand, and let go whoever waits for that."""
        self._board.pending("paths to look at", 0 if self._commit.idle else max(1, self._commit.waiting))
        self._board.pending("heads to merge", 0 if self._merge.idle else 1)
        self._board.pending("files without their content", self._transfer.missing)
        self._board.pending("files to put in place", len(self._state.lag))
        self._show_blocked()
        for session in self._peers.sessions.values():
            outstanding = session.outstanding()
            self._board.remote(session.name, reachable=True, in_step=not outstanding, outstanding=outstanding)
        self._changed.set()
        self._changed = anyio.Event()

    def _show_blocked(self) -> None:
        """Name each file that this disk does not take. # I29"""
        lag = self._state.lag
        if not lag and not self._blocked:
            return
        now = {path: known.detail for path, known in lag.paths.items() if known.cause is Cause.BLOCKED}
        for path, detail in now.items():
            self._board.raise_condition("file-not-installed", shown(path), detail)
        for path in self._blocked - now.keys():
            self._board.clear_condition("file-not-installed", shown(path))
        self._blocked = set(now)

    def refuse_unknown(self, remote: str | None) -> None:
        """Raises InstepError for a name that is no remote's."""
        if remote is not None and remote not in self._peers.names and remote not in self._peers.sessions:
            raise InstepError(f"There is no remote {remote}.", "See: instep remote list")

    async def until_in_step(self, remote: str | None) -> None:
        """Return when nothing is outstanding, with one remote or (None) with all that can be reached."""
        while self.outstanding(remote):
            await self._changed.wait()

    def outstanding(self, remote: str | None) -> list[str]:
        """What is, one short text each."""
        return [*self._here(), *self._there(remote)]

    def _here(self) -> list[str]:
        state = self._state
        state.turns.look()
        half_done = state.turns.half_done
        found = [] if half_done is None else [f"waiting for {half_done}"]
        if not self._commit.idle:
            found.append("changes are being committed")
        if state.gate.held:
            found.append(f"{len(state.gate.held)} deletions are held back")
        if state.gate.emptied:
            found.append(f"{len(state.gate.emptied)} emptied files are held back")
        if not self._merge.idle:
            found.append("what arrived is being merged")
        if self._transfer.missing:
            found.append(f"{self._transfer.missing} files lack their content")
        return found + [f"{shown(path)}: {lag.detail or lag.cause}" for path, lag in state.lag.paths.items()]

    def _there(self, remote: str | None) -> list[str]:
        connecting = [name for name in self._peers.connecting if remote in (None, name)]
        found = [f"{name} is being connected" for name in connecting]
        if remote is not None and remote not in self._peers.sessions and not connecting:
            found.append(f"{remote} can't be reached")
        for name, session in self._peers.sessions.items():
            if remote in (None, name):
                found += [f"{name}: {text}" for text in session.outstanding()]
        return found
