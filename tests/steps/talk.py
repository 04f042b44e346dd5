"""Two folders that talk over a real link, each with as little behind its session as it needs."""

import socket
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup, UNIXSocketStream

from instep.core.types import Key, RelPath
from instep.remotes.frames import At, Cancel, Content, Frame, Heads, Hello, NoContent, Want
from instep.remotes.link import open_link
from instep.steps.arrival import Arrival, BadArrivalError, IncompleteError, ignore_answer
from instep.steps.merger import Merged
from instep.steps.session import Session
from instep.steps.transfer import TransferStep
from tests.remotes.pairs import Raw
from tests.steps.side import Side

PATIENCE_S = 60.0
LOOK_EVERY_S = 0.05


class Desk:
    """The steps behind a session: what arrives is merged at once, in the event loop."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.session: Session | None = None
        self.other: Desk | None = None
        """The one at the other end: what it is told is of interest here too."""
        self.ended: BaseException | None = None
        self.over = False
        self.arrivals: list[Arrival] = []
        self.annexed: list[Arrival] = []
        self.merged: list[Merged] = []
        self.landed: list[tuple[Key, set[RelPath]]] = []
        self.asked: list[Want | Cancel] = []
        self.transfer = TransferStep(side.state, self._land, self._wake)
        self.serving = anyio.Event()
        """Until this is set, the link is read, and nothing is asked or answered."""
        self.serving.set()
        self._happened = anyio.Event()

    def _wake(self) -> None:
        self._stir()
        if self.other is not None:
            self.other._stir()

    def _stir(self) -> None:
        self._happened.set()
        self._happened = anyio.Event()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something: it mostly comes with a call of ours."""
        with anyio.fail_after(PATIENCE_S):
            while not holds():
                with anyio.move_on_after(LOOK_EVERY_S):
                    await self._happened.wait()

    def moved(self) -> None:
        """Our branch moved."""
        if self.session is not None:
            self.session.bell.ring()
        self._wake()

    def _land(self, key: Key, paths: set[RelPath]) -> None:
        self.landed.append((key, paths))
        self.side.merger.retry(paths)
        self.moved()

    # -- Hands --------------------------------------------------------------------------------------

    def heads(self) -> Heads:
        state = self.side.state
        return Heads(state.branch, state.head, None, True, self.transfer.missing)

    def arrived(self, arrival: Arrival) -> None:
        self.arrivals.append(arrival)
        answer = arrival.answer or ignore_answer
        try:
            merged = self.side.merger.merge(arrival)
        except IncompleteError as error:
            answer("incomplete", str(error))
        except BadArrivalError as error:
            answer("refused", str(error))
        else:
            self.merged.append(merged)
            self.transfer.want(merged.wanted)
            answer("durable", "")
        self.moved()

    def annex_arrived(self, arrival: Arrival) -> None:
        self.annexed.append(arrival)
        self._wake()

    def peer_moved(self, session: Session) -> None:
        self._wake()

    def content(self, session: Session, frame: Content | NoContent | At) -> None:
        self.transfer.take(session, frame)
        self._wake()

    def wanted(self, session: Session, frame: Want | Cancel) -> None:
        self.asked.append(frame)
        self.transfer.asked(session, frame)
        self._wake()

    def offered(self, session: Session, keys: Sequence[Key]) -> None:
        self.transfer.offered(session.name)

    # -- running ------------------------------------------------------------------------------------

    def hello(self) -> Hello:
        return Hello(1, 1, "test", self.side.state.uuid, "sha1", str(self.side.folder))

    async def run(self, stream: UNIXSocketStream, name: str, *, dialled: bool) -> None:
        """Talk until the link ends."""
        try:
            async with open_link(stream, self.hello(), dialled=dialled) as link:
                self.session = Session(self.side.state, link, name, self)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._serve, self.session)
                    await self._talk(self.session)
                    tasks.cancel_scope.cancel()
        finally:
            self.session = None
            self.over = True
            self._wake()

    async def _serve(self, session: Session) -> None:
        await self.serving.wait()
        await self.transfer.serve(session)

    async def _talk(self, session: Session) -> None:
        try:
            await session.run()
        except Exception as error:
            self.ended = error

    def in_step(self, other: "Desk") -> bool:
        """Whether both stand at one head, and each knows it of the other."""
        sessions = self.session, other.session
        head = self.side.state.head
        return (
            all(s is not None and s.peer is not None and s.peer.head == head for s in sessions)
            and all(s is not None and not s.unanswered for s in sessions)
            and other.side.state.head == head
        )


async def _pair() -> tuple[UNIXSocketStream, UNIXSocketStream]:
    ours, theirs = socket.socketpair()
    return await UNIXSocketStream.from_socket(ours), await UNIXSocketStream.from_socket(theirs)


@asynccontextmanager
async def talking(one: Desk, two: Desk) -> AsyncGenerator[TaskGroup]:
    """Both desks, connected; the link is cut at the end."""
    here, there = await _pair()
    one.other, two.other = two, one
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: one.run(here, "there", dialled=True))
        tasks.start_soon(lambda: two.run(there, "here", dialled=False))
        yield tasks
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def stranger(desk: Desk, *said: Frame) -> AsyncGenerator[Raw]:
    """A desk, and the bare other end of its connection, which says hello and this at once; the desk has said
    hello and its heads."""
    here, there = await _pair()
    raw = Raw(there)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: desk.run(here, "there", dialled=True))
        await raw.send(Hello(1, 1, "stranger", "ffffffff-ffff", "sha1"), *said)
        assert isinstance(await raw.receive(), Hello)
        assert isinstance(await raw.receive(), Heads)
        yield raw
        tasks.cancel_scope.cancel()
    await anyio.aclose_forcefully(there)
