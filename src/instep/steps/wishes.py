"""What the folder wants, kept up with: whoever changes it, and wherever, it takes effect at once (I22)."""

from collections.abc import Callable

import anyio.to_thread

from instep.annex.branch import AnnexBranch
from instep.annex.preferences import read_preferences
from instep.steps.mailbox import Mailbox
from instep.steps.state import FolderState


class WishStep:
    """Reads the preferences again when the git-annex branch or the configuration may say something new."""

    def __init__(self, state: FolderState, branch: AnnexBranch, changed: Callable[[], None]) -> None:
        self._state = state
        self._branch = branch
        self._changed = changed
        self.bell: Mailbox[None] = Mailbox(lambda: None)

    async def run(self) -> None:
        """Work until cancelled."""
        state = self._state
        self.bell.ring()
        while True:
            await self.bell.take()
            new = await anyio.to_thread.run_sync(
                read_preferences, self._branch, state.repo.config, state.uuid
            )
            if new.problem:
                state.board.raise_condition("wanted-not-understood", "", new.problem)
            else:
                state.board.clear_condition("wanted-not-understood")
            old, state.preferences = state.preferences, new
            if old is None or new.repositories != old.repositories:
                self._changed()
