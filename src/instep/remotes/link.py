"""One lasting connection to another folder's process: frames in, frames out, and whether it lives.

The link knows order, priority, backpressure and liveness; it knows nothing of what the frames do. After any
error, and after `Bye` of either side, it is closed in both directions and `send` raises why.
"""

import math
import socket
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import count, groupby

import anyio
from anyio.abc import ByteStream, SocketAttribute

from instep.remotes.errors import LinkError, PeerGone, ProtocolError
from instep.remotes.frames import Bye, Frame, Hello, Lane, Ping, Pong, lane_of, oids_of
from instep.remotes.greet import greet
from instep.remotes.hello import Agreement
from instep.remotes.liveness import GiveUp, Keepalive, Liveness, Rest, SayAlive
from instep.remotes.outbox import Outbox
from instep.remotes.window import Window
from instep.remotes.wire import MAX_HELLO, Decoder, encode

READ_BYTES = 64 << 10
MAX_READ_BYTES = 1 << 20
DIRECT_BYTES = 64 << 10
GRACE_S = 1.0
"""How long a closing link may take to say so."""

_BROKEN = (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)


class Link:
    """An open link, made by `open_link`. One task iterates over it; any number may send.

    A task that iterates must not wait for room in HISTORY or CONTENT (leave those to tasks of their own): two
    sides that both wait for the other one to read would wait for ever.
    """

    def __init__(
        self,
        stream: ByteStream,
        decoder: Decoder,
        peer: Hello,
        agreement: Agreement,
        *,
        dialled: bool,
        keepalive: Keepalive,
        clock: Callable[[], float],
    ) -> None:
        self.peer = peer
        self.agreement = agreement
        self.dialled = dialled
        self.farewell: str | None = None
        """The reason in the other side's Bye, once it was read."""
        self.round_trip_s = math.nan
        """Of the latest Ping and Pong; nan: not measured yet."""
        self._oid_bytes = 32 if peer.object_format == "sha256" else 20
        self._stream = stream
        self._socket = _socket_of(stream)
        self._decoder = decoder
        self._outbox = Outbox()
        self._clock = clock
        self._keepalive = keepalive
        self._liveness = Liveness(keepalive, clock())
        self._end: LinkError | None = None
        self._polite = False
        self._over = anyio.Event()
        self._writing = anyio.CancelScope()
        self._reading: anyio.CancelScope | None = None
        self._read = anyio.Event()
        self._doubted = anyio.Event()
        self._looks_at = math.inf
        """When `keep_alive` looks again."""
        self._ping = Ping(0)
        self._pings = count(1)
        self._window = Window()
        self._pinged_at = clock()

    async def send(self, *frames: Frame) -> None:
        """Sends frames; those of one lane stay in order, and neighbours of one lane are written at once.

        Returns when they are on their way, not when they arrived; waits while their lane is full. Cancelled,
        it has sent whole frames only. Raises LinkError once the link has ended, FrameTooLarge.
        """
        for lane, data in _batches(frames):
            self._check()
            self._spoke()
            if not self._write_directly(lane, data):
                await self._outbox.put(lane, data)

    def post(self, *frames: Frame) -> None:
        """Sends small CONTROL frames, answers mostly, without waiting: safe in the task that iterates.

        A peer that lets a MiB of answers pile up is not reading: then this raises PeerGone, and the link
        should be left. Raises LinkError once the link has ended.
        """
        for lane, data in _batches(frames):
            if lane is not Lane.CONTROL:
                raise ValueError("only control frames can be posted")
            self._check()
            if not self._put_now(data):
                raise PeerGone("The other side does not read what is sent to it.")

    def __aiter__(self) -> "Link":
        return self

    async def __anext__(self) -> Frame:
        """The next frame for the steps. Ends after Bye of either side; raises LinkError."""
        while self._end is None:
            try:
                frame = self._decoder.next_frame()
                if frame is None:
                    await self._receive()
                elif not self._is_handled(frame):
                    return frame
            except ProtocolError as error:
                await self.aclose(str(error), error)
        if self._polite:
            raise StopAsyncIteration
        raise self._end

    @property
    def piece_bytes(self) -> int:
        """A frame of content should not be longer: what comes behind it waits for all of it."""
        return self._window.piece_bytes

    def probe(self, within_s: float | None = None) -> None:
        """Asks for a sign of life, because the network changed, say. The answer updates `round_trip_s`.

        With `within_s` the link ends if it is silent for so long from now on.
        """
        if within_s is not None:
            self._liveness.doubt(self._clock(), within_s)
            self._look_by(0)
            self._window.forget()
        self._ping = self._next_ping()
        self._pinged_at = self._clock()
        self._put_now(encode(self._ping))  # lost if there is no room: so the queue cannot grow

    async def aclose(self, reason: str = "", error: LinkError | None = None) -> None:
        """Says Bye after the control frames that wait, and closes. Bounded in time; again: does nothing.

        `error` is what iterating raises from then on; without it the iteration just ends.
        """
        if self._end is not None:
            return
        end = error or PeerGone("The link was closed on this side.")
        self._finish(end, polite=error is None)
        with anyio.move_on_after(GRACE_S, shield=True):
            with suppress(LinkError):  # nobody is left to hear it
                await self._outbox.drain(encode(Bye(reason)), end)
        self._break(end)

    async def write_queued(self) -> None:
        """The writer: a task of `open_link`. It also closes the stream, when nobody uses it any more."""
        with self._writing:
            try:
                while True:
                    data = await self._outbox.take()
                    await self._stream.send(data)
                    if self._outbox.taken is Lane.CONTENT:
                        self._content_left(len(data))
            except LinkError:
                pass
            except _BROKEN:
                gone = PeerGone("The other side is gone: nothing can be written to it any more.")
                self._outbox.close(gone)
                with anyio.move_on_after(GRACE_S):  # what it said before it went can still be read
                    await self._over.wait()
                self._break(gone)
        if self._reading is not None:
            self._reading.cancel()
            await self._read.wait()
        await anyio.aclose_forcefully(self._stream)

    async def keep_alive(self) -> None:
        """The watch over silence: a task of `open_link`."""
        while self._end is None:
            match self._liveness.due(self._clock()):
                case Rest(seconds):
                    self._doubted = anyio.Event()
                    self._looks_at = self._clock() + seconds
                    with anyio.move_on_after(seconds):
                        await self._doubted.wait()
                case SayAlive():
                    self.probe()
                case GiveUp():
                    silent_s = self._liveness.silent_s(self._clock())
                    self._break(
                        PeerGone(f"Nothing was heard from the other side for {silent_s:.0f} seconds.")
                    )

    def _next_ping(self) -> Ping:
        return Ping(next(self._pings))

    def _content_left(self, count_bytes: int) -> None:
        """Content went out: from time to time it is followed by a mark, and then it may have to wait."""
        window = self._window
        window.sent(count_bytes)
        if window.wants_mark:
            ping = self._next_ping()
            if self._put_now(encode(ping)):
                window.marked(ping.n, self._clock())
        self._outbox.hold_content(window.is_full)

    def _is_handled(self, frame: Frame) -> bool:
        """Sees to what is the link's own business. Raises ProtocolError for what must not come."""
        match frame:
            case Ping():  # by this the other side is answered
                self._put_now(encode(Pong(frame.n)), is_answer=True)
            case Pong():
                if frame.n == self._ping.n:
                    self.round_trip_s = self._clock() - self._pinged_at
                self._window.came_back(frame.n, self._clock())
                self._outbox.hold_content(self._window.is_full)
            case Bye():
                self.farewell = frame.reason
                said = f": {frame.reason}" if frame.reason else "."
                self._break(PeerGone(f"The other side closed the link{said}"), polite=True)
            case Hello():
                raise ProtocolError("A second Hello came.")
            case _:
                if any(len(oid) != self._oid_bytes for oid in oids_of(frame)):
                    raise ProtocolError(f"An object id in {type(frame).__name__} has the wrong length.")
                self._was_told()
                return False
        return True

    async def _receive(self) -> None:
        """Reads once. The end of the stream, wherever it comes, ends the link."""
        wanted = min(max(READ_BYTES, self._decoder.missing_bytes), MAX_READ_BYTES)
        self._liveness.listen(self._clock())
        try:
            with anyio.CancelScope() as self._reading:
                self._decoder.feed(await self._stream.receive(wanted))
                self._liveness.received(self._clock())
                if self._decoder.missing_bytes:  # a long frame takes its time
                    self._was_told()
        except anyio.EndOfStream:
            self._break(PeerGone("The other side closed the connection without a word."))
        except _BROKEN:
            self._break(PeerGone("The connection broke."))
        finally:
            self._liveness.leave(self._clock())
            self._reading = None
            self._read.set()
            self._read = anyio.Event()

    def _write_directly(self, lane: Lane, data: bytes) -> bool:
        """Whether an idle connection took it at once, or began to: saves the way through the writer's task.

        An error is left for the writer to meet. Where the rest of a torn frame finds no memory, the link
        ends: whatever came behind it would be taken for that rest.
        """
        if (
            self._socket is None
            or lane is Lane.CONTENT
            or len(data) > DIRECT_BYTES
            or not self._outbox.is_idle
        ):
            return False
        try:
            written = self._socket.send(data)
        except OSError:
            return False
        try:
            if 0 < written < len(data):
                self._outbox.put_torn(data[written:])
        except MemoryError:
            self._break(PeerGone("There was no memory to send the rest of a message."))
            raise
        return written > 0

    def _put_now(self, data: bytes, *, is_answer: bool = False) -> bool:
        """Control frames, written or queued at once. False: there is no room, or no connection any more."""
        self._spoke(is_answer=is_answer)
        return self._write_directly(Lane.CONTROL, data) or self._outbox.put_now(Lane.CONTROL, data)

    def _spoke(self, *, is_answer: bool = False) -> None:
        self._liveness.sent(self._clock(), is_answer=is_answer)
        self._look_by(self._keepalive.dead_s)

    def _was_told(self) -> None:
        self._liveness.told(self._clock())
        self._look_by(self._keepalive.answer_s)

    def _look_by(self, within_s: float) -> None:
        """Have `keep_alive` look within this time; most often it does so anyway."""
        if self._clock() + within_s < self._looks_at:
            self._looks_at = -math.inf
            self._doubted.set()

    def _check(self) -> None:
        if self._end is not None:
            raise self._end

    def _finish(self, error: LinkError, *, polite: bool) -> None:
        if self._end is None:
            self._end = error
            self._polite = polite
            self._over.set()

    def _break(self, error: LinkError, *, polite: bool = False) -> None:
        """Ends the link at once. A stream must not be closed in use: its users are stopped first."""
        self._finish(error, polite=polite)
        self._outbox.close(error)
        self._writing.cancel()
        if self._reading is not None:
            self._reading.cancel()


@asynccontextmanager
async def open_link(
    stream: ByteStream,
    ours: Hello,
    *,
    dialled: bool,
    early: bytes = b"",
    keepalive: Keepalive | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncGenerator[Link]:
    """A link over a connection whose preamble is done. It and the stream are closed at the end of the block.

    `early`: what was read from the stream behind the preamble already. Raises LinkError if the two sides
    do not come together; what the block raises comes out as it is.
    """
    keepalive = keepalive or Keepalive()
    decoder = Decoder(MAX_HELLO)
    decoder.feed(early)
    try:
        peer, agreement = await greet(stream, decoder, ours, keepalive.hello_s)
        link = Link(stream, decoder, peer, agreement, dialled=dialled, keepalive=keepalive, clock=clock)
        async with _served(link):
            yield link
    finally:
        await anyio.aclose_forcefully(stream)


@asynccontextmanager
async def _served(link: Link) -> AsyncGenerator[None]:
    """Runs the link's own tasks. They outlive a cancelled block by the time that a Bye takes."""
    raised: BaseException | None = None
    shield = anyio.CancelScope(shield=True)

    async def write() -> None:
        with shield:
            await link.write_queued()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write, name="link writer")
        tasks.start_soon(link.keep_alive, name="link keepalive")
        try:
            yield
        except BaseException as error:
            raised = error  # to come out as it is, not in the group's wrapping
            if not isinstance(error, Exception):
                raise
        finally:
            await link.aclose()
            shield.cancel()
            tasks.cancel_scope.cancel()
    if raised is not None:
        raise raised


def _batches(frames: Iterable[Frame]) -> Iterator[tuple[Lane, bytes]]:
    """Small neighbours of one lane, joined; between batches a frame of an earlier lane may slip in."""
    for lane, group in groupby(frames, lane_of):
        batch = b""
        for data in map(encode, group):
            if batch and len(batch) + len(data) > DIRECT_BYTES:
                yield lane, batch
                batch = b""
            batch = batch + data if batch else data
        yield lane, batch


def _socket_of(stream: ByteStream) -> socket.socket | None:
    """The Unix socket below the stream, if it is one: only there may one write past the stream."""
    found = stream.extra(SocketAttribute.raw_socket, None)
    return found if isinstance(found, socket.socket) and found.family == socket.AF_UNIX else None
