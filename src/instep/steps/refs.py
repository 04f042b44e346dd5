"""Refs that somebody else moved: a branch that was committed to by hand; what was pushed to this folder."""

from collections.abc import Callable

import anyio

from instep.steps.arrival import Arrival
from instep.steps.commit import CommitStep
from instep.steps.locations import LocationStep
from instep.steps.mailbox import Mailbox
from instep.steps.pushed import ORIGIN, PushedRefs
from instep.steps.spoiled import SpoiledStep
from instep.steps.state import FolderState

AFTER_S = 0.1
"""Most moves are our own, and seen this much later to be none; and whoever moved a ref is not stood in the
way of."""


class RefStep:
    """Looks whenever the bell rings. `arrived` is told of heads that were pushed, `moved` of any move."""

    def __init__(
        self,
        state: FolderState,
        commit: CommitStep,
        locations: LocationStep,
        spoiled: SpoiledStep,
        *,
        arrived: Callable[[Arrival], None],
        moved: Callable[[], None],
    ) -> None:
        self._state = state
        self._commit = commit
        self._locations = locations
        self._spoiled = spoiled
        self._arrived = arrived
        self._moved = moved
        self._pushed = PushedRefs(state)
        self.bell: Mailbox[None] = Mailbox(lambda: None)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self.bell.take()
            self._state.turns.hint()
            self._moved()
            await anyio.sleep(AFTER_S)
            await self._look()

    async def _look(self) -> None:
        refs = self._state.repo.refs
        if not self._state.is_at_head():
            self._commit.check_branch()
        if refs.read("refs/heads/git-annex") != self._locations.head:
            self._locations.look_again()
            self._spoiled.look()
        for is_annex, oid in await self._pushed.news():
            if oid not in (self._state.head, self._locations.head):
                (self._locations.arrived if is_annex else self._arrived)(Arrival(oid, ORIGIN))
