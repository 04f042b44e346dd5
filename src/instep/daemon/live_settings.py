"""The folder's settings, followed: whatever git's configuration says takes effect without a restart. # I22"""

from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto

import anyio.to_thread

from instep.annex import limits
from instep.annex.branch import CONFIG_LOG, AnnexBranch
from instep.annex.errors import SettingError
from instep.annex.settings import read_settings, remote_rules
from instep.daemon.board import StatusBoard
from instep.daemon.peers import Peers
from instep.steps.mailbox import Mailbox
from instep.steps.state import FolderState
from instep.steps.wishes import WishStep


class Source(Enum):
    """Where settings are made."""

    CONFIG = auto()
    """git's own configuration."""
    BRANCH = auto()
    """The git-annex branch, for all repositories (`git annex config`)."""


class LiveSettings:
    """Rung (`bell`) when the configuration has changed. `decide_again`: other files may be annexed now."""

    def __init__(  # noqa: PLR0917
        self,
        state: FolderState,
        branch: AnnexBranch,
        peers: Peers,
        wishes: WishStep,
        board: StatusBoard,
        decide_again: Callable[[], None],
    ) -> None:
        self._state = state
        self._branch = branch
        self._peers = peers
        self._wishes = wishes
        self._board = board
        self._decide_again = decide_again
        self._faults: set[str] = set()
        self._shared: bytes | None = None
        """The settings for all repositories, as they were read last."""
        self._moved: Mailbox[set[Source]] = Mailbox(set)

    def moved(self, source: Source) -> None:
        """Settings may have changed there."""
        self._moved.content.add(source)
        self._moved.ring()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            moved = await self._moved.take()
            if Source.CONFIG in moved:
                await self.read_remotes()
                self._wishes.bell.ring()
            shared = await anyio.to_thread.run_sync(self._branch.read, CONFIG_LOG)
            if Source.CONFIG in moved or shared != self._shared:
                self._shared = shared
                await self._read_settings()

    async def read_remotes(self) -> None:
        """Take up the remotes as the configuration has them now."""
        await anyio.to_thread.run_sync(self._state.repo.config.reload)
        self.set_remotes()

    def set_remotes(self) -> None:
        """As the configuration was read last."""
        config = self._state.repo.config
        self._name_faults(dict(limits.faults(config)))
        rules = {name: remote_rules(config, name) for name in config.remotes()}
        self._peers.set(config.remotes(), rules, config.remote_uuids())

    def _name_faults(self, faults: dict[str, str]) -> None:
        for name in self._faults - faults.keys():
            self._board.clear_condition("limit-not-understood", name)
        for name, value in faults.items():
            self._board.raise_condition("limit-not-understood", name, value)
        self._faults = set(faults)

    async def _read_settings(self) -> None:
        """One that is not understood decides nothing: what it is about waits, whatever held before."""
        state, before = self._state, self._state.settings.trouble
        try:
            state.settings = await anyio.to_thread.run_sync(read_settings, state.repo, self._branch)
        except SettingError as error:
            state.settings = replace(state.settings, trouble=error)
            self._board.raise_condition("setting-not-understood", error.setting, error.text)
        now = state.settings.trouble
        if before is not None and (now is None or now.setting != before.setting):
            self._board.clear_condition("setting-not-understood", before.setting)
        self._decide_again()
