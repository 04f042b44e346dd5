"""What a step needs before it begins again: no lock of a killed git, and the objects that it lacked."""

from collections.abc import Awaitable, Callable, Iterable

import anyio.to_thread

from instep.daemon.board import StatusBoard
from instep.daemon.troubles import Troubles
from instep.git.donor import damage_in, mend_objects
from instep.git.errors import GitError
from instep.steps.state import FolderState

Step = Callable[[], Awaitable[None]]


class Mending:
    """One folder's. Objects that are missing or spoiled are had again from whoever has them. # I27"""

    def __init__(self, state: FolderState, board: StatusBoard, troubles: Troubles) -> None:
        self._state = state
        self._board = board
        self._troubles = troubles
        self._damage: GitError | None = None
        """What a step failed at, if it was that."""

    def ready(self, name: str, step: Step) -> Step:
        """The step, each time begun in a repository that it can work in."""

        async def run() -> None:
            async with self._state.writer:
                await self._state.turns.unlock()
                await self._mend()
            try:
                await step()
            except Exception as error:
                self._damage = self._damage or damage_in(error)
                raise

        return run

    async def _mend(self) -> None:
        if self._damage is None:
            return
        damage, self._damage = self._damage, None
        repo = self._state.repo
        mended = await anyio.to_thread.run_sync(mend_objects, repo, repo.config.remotes().values())
        if mended:
            self.tell([damage.text, *mended])
            self._troubles.ended("repository-broken")

    def tell(self, lines: Iterable[str]) -> None:
        """What was found damaged and is not any more, for the log."""
        for line in lines:
            self._board.log("mended", line)
