"""The git-annex branch: what is where, written down in batches and united with what others know.

Facts wait for a moment so that many become one commit; the branch is written under git-annex's own lock. A
fact that is not committed yet when the process dies is found again: the content is there, and the next look
says so.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import anyio
import anyio.to_thread

from instep.annex.branch import AnnexBranch
from instep.annex.errors import MergeRefused
from instep.core.types import Key, Oid, RemoteUuid
from instep.git.objects import MissingObject
from instep.steps.arrival import Arrival, BadArrivalError, IncompleteError, check_arrival, ignore_answer
from instep.steps.mailbox import Mailbox
from instep.steps.state import FolderState

GATHER_S = 0.2
"""How long a fact waits for others."""


@dataclass
class News:
    """Facts of our own, and heads of others."""

    stored: list[tuple[Key, RemoteUuid]] = field(default_factory=list[tuple[Key, RemoteUuid]])
    arrivals: list[Arrival] = field(default_factory=list[Arrival])
    lost: list[Key] = field(default_factory=list[Key])


class LocationStep:
    """Records and unites; tells when the branch moved."""

    def __init__(self, state: FolderState, branch: AnnexBranch, moved: Callable[[], None]) -> None:
        self._state = state
        self._branch = branch
        self._moved = moved
        self.mailbox: Mailbox[News] = Mailbox(News)
        self.head: Oid | None = branch.head()
        self.busy = False
        self._strange = False
        """Whether the branch may stand at a commit that somebody else did not sync."""

    def stored(self, keys: Iterable[Key], uuid: RemoteUuid | None = None) -> None:
        """The content of these keys is here now (or in that other annex), durable. # I11"""
        where = self._state.uuid if uuid is None else uuid
        self.mailbox.content.stored.extend((key, where) for key in keys)
        if self.mailbox.content.stored:
            self.mailbox.ring()

    def lost(self, keys: Iterable[Key]) -> None:
        """The content of these keys is not here any more: proven. # I11"""
        self.mailbox.content.lost.extend(keys)
        if self.mailbox.content.lost:
            self.mailbox.ring()

    def arrived(self, arrival: Arrival) -> None:
        """Another repository's git-annex branch came."""
        self.mailbox.content.arrivals.append(arrival)
        self.mailbox.ring()

    def look_again(self) -> None:
        """Somebody else (git-annex itself) moved the branch."""
        self._strange = True
        self.mailbox.ring()

    @property
    def idle(self) -> bool:
        return not self.busy and not self.mailbox.waiting

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self.busy = False
            news = await self.mailbox.take()
            self.busy = True
            if news.stored or news.lost:
                news = await self._gather(news)
            await self._turn(news)

    async def finish(self) -> None:
        """At a clean end: write down what still waits."""
        if self.mailbox.waiting:
            await self._turn(await self.mailbox.take())

    async def _gather(self, news: News) -> News:
        try:
            await anyio.sleep(GATHER_S)
        finally:
            self._put_back(news)
        return await self.mailbox.take()

    def _put_back(self, news: News) -> None:
        self.mailbox.content.stored += news.stored
        self.mailbox.content.lost += news.lost
        self.mailbox.content.arrivals += news.arrivals
        self.mailbox.ring()

    async def _turn(self, news: News) -> None:
        facts = [(key, uuid, True) for key, uuid in dict.fromkeys(news.stored)]
        try:
            if self._strange:
                await anyio.to_thread.run_sync(self._state.repo.sync)  # I10
                self._strange = False
            await anyio.to_thread.run_sync(lambda: self._branch.record([*facts, *self._absent(news.lost)]))
            for arrival in news.arrivals:
                await self._unite(arrival)
        except BaseException:
            self._put_back(news)
            raise
        head = await anyio.to_thread.run_sync(self._branch.head)
        if head != self.head:
            self.head = head
            self._moved()

    def _absent(self, keys: Iterable[Key]) -> list[tuple[Key, RemoteUuid, bool]]:
        """Those of the lost ones that did not come back meanwhile."""
        gone = (key for key in dict.fromkeys(keys) if not self._state.store.has(key))
        return [(key, self._state.uuid, False) for key in gone]

    async def _unite(self, arrival: Arrival) -> None:
        answer = arrival.answer or ignore_answer
        try:
            await anyio.to_thread.run_sync(self._take_in, arrival)
        except (IncompleteError, MissingObject) as missing:
            answer("incomplete", str(missing))
        except (BadArrivalError, MergeRefused) as refused:
            answer("refused", str(refused))
        else:
            answer("durable", "")

    def _take_in(self, arrival: Arrival) -> None:
        store = self._state.repo.objects
        check_arrival(self._state.repo, arrival)
        store.write(arrival.objects)
        self._branch.merge([arrival.head], may_leave_merges=arrival.peer_joins is not None)  # I13
