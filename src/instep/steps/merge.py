"""The fourth step: heads that arrive become one head, and the work tree follows.

The mailbox holds heads to merge and paths to try again. One after another is taken; what came of it is told
to the steps that go on from there.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import anyio
from anyio.abc import TaskGroup

from instep.core.types import RelPath
from instep.git.refs import RefMoved
from instep.steps.arrival import Arrival, BadArrivalError, IncompleteError, ignore_answer, together
from instep.steps.mailbox import Mailbox
from instep.steps.merger import Merged, Merger
from instep.steps.state import FolderState

RETRY_S = 30.0
"""Lagging paths are tried again after this time, whatever they wait for."""
JOIN_AFTER_S = 0.02
MAX_DOUBLINGS = 7
"""Heads of equal trees are joined after 10 to 30 ms, and at last after 1 to 4 s."""


@dataclass
class Incoming:
    """What waits to be merged or installed."""

    arrivals: list[Arrival] = field(default_factory=list[Arrival])
    retry: set[RelPath] = field(default_factory=set[RelPath])
    """Lagging paths, and paths whose content has come."""


class MergeStep:
    """The task around the merger."""

    def __init__(
        self,
        state: FolderState,
        merger: Merger,
        tell: Callable[[Merged], None],
        put: Callable[[Iterable[RelPath]], None],
        changed: Callable[[], None],
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._state = state
        self._merger = merger
        self._tell = tell
        self._put = put
        self._changed = changed
        self.mailbox: Mailbox[Incoming] = Mailbox(Incoming)
        self.busy = False
        self._chance = chance
        self._joins = 0
        self._timers: TaskGroup | None = None

    def arrived(self, arrival: Arrival) -> None:
        """A head came."""
        self.mailbox.content.arrivals.append(arrival)
        self.mailbox.ring()

    def mind_forks(self) -> None:
        """An edit was committed that is to be merged."""
        self.mailbox.ring()

    def retry(self, paths: Iterable[RelPath]) -> None:
        """These lag, or their content has come."""
        self.mailbox.content.retry.update(paths)
        if self.mailbox.content.retry:
            self.mailbox.ring()

    @property
    def idle(self) -> bool:
        return not self.busy and not self.mailbox.waiting and not self._state.forks

    async def run(self) -> None:
        """Work until cancelled."""
        if self._state.forks:
            self.mind_forks()
        async with anyio.create_task_group() as self._timers:
            while True:
                self.busy = False
                self._state.board.activity("merge", None)
                self._changed()
                incoming = await self._take()
                self.busy = True
                try:
                    await self._turn(incoming)
                except BaseException:
                    self.retry(incoming.retry)
                    for arrival in incoming.arrivals:
                        self.arrived(arrival)
                    raise

    async def _take(self) -> Incoming:
        """What waits; while something lags, it is tried again from time to time."""
        with anyio.move_on_after(RETRY_S if self._state.lag else None):
            return await self.mailbox.take()
        return Incoming(retry=set(self._state.lag.paths))

    async def _turn(self, incoming: Incoming) -> None:
        await self._merge_forks()
        while incoming.arrivals:
            several = [each for each in incoming.arrivals if each.origin == incoming.arrivals[0].origin]
            await self._merge_all(several)
            incoming.arrivals[:] = [each for each in incoming.arrivals if each not in several]
            await self._merge_forks()
        if incoming.retry:
            await self._retry(set(incoming.retry))
            incoming.retry.clear()
            await self._merge_forks()

    async def _merge_forks(self) -> None:
        for fork in self._state.forks:
            if fork in self._state.forks:  # else it was merged with a later one
                await self._merge(Arrival(fork, ""))

    async def _retry(self, paths: set[RelPath]) -> None:
        while await self._attempt(lambda done: self._merger.retry(paths, done)) is None:
            pass

    async def _merge_all(self, several: Sequence[Arrival]) -> None:
        """Heads of one peer: the newest holds the others, mostly, so it goes first, with all that came."""
        if len(several) == 1 or not await self._merge(together(several), told=False):
            for arrival in several:
                await self._merge(arrival)
            return
        for arrival in reversed(several):
            await self._merge(replace(arrival, objects={}, contents=(), packed=False))

    async def _merge(self, arrival: Arrival, *, told: bool = True) -> bool:
        """Whether it could be believed; `told`: whoever sent it hears what became of it."""
        self._state.board.activity("merge", f"taking in what came from {arrival.origin or 'here'}")
        answer = (arrival.answer if told else None) or ignore_answer
        try:
            merged = None
            while merged is None or merged.unfinished:
                merged = await self._attempt(lambda done: self._merger.merge(arrival, done))
        except IncompleteError as error:
            answer("incomplete", str(error))
            return False
        except BadArrivalError as error:
            answer("refused", str(error))
            if told:
                self._state.board.raise_condition("remote-refused", arrival.origin, str(error))
            return False
        answer("durable", "")
        self._join_later(arrival, merged)
        return True

    async def _attempt(self, do: Callable[[Merged], object]) -> Merged | None:
        """One go, as the folder's one writer; what came of it is told. None: somebody else moved the branch
        meanwhile, and it is followed."""
        done = Merged()
        try:
            await self._state.work(lambda: do(done))
        except BaseException as error:
            if done.local:
                self._tell(Merged(local=done.local))  # what was committed on the way stands
            if not isinstance(error, RefMoved):
                raise
            self._put(await self._state.work(self._merger.follow_branch))
            return None
        self._tell(done)
        self._put(done.edited)
        self.retry(done.ripe)
        return done

    def _join_later(self, arrival: Arrival, merged: Merged) -> None:
        """Come back to a head that only has to be joined, each time after a longer while. # I13 I19"""
        if merged.changes:
            self._joins = 0
        if merged.postponed and self._timers is not None:
            delay_s = JOIN_AFTER_S * 2.0 ** min(self._joins, MAX_DOUBLINGS) * (0.5 + self._chance())
            self._joins += 1
            ripe = Arrival(arrival.head, arrival.origin, peer_joins=arrival.peer_joins, ripe=True)
            self._timers.start_soon(self._arrive_after, delay_s, ripe)

    async def _arrive_after(self, delay_s: float, arrival: Arrival) -> None:
        await anyio.sleep(delay_s)
        self.arrived(arrival)
