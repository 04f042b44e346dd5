"""The link: order, priority, backpressure, liveness, and peers that break its rules."""

import math

import anyio
import pytest
from anyio.abc import ByteStream
from anyio.streams.stapled import StapledByteStream

from instep.core.types import Object, Oid
from instep.remotes.errors import (
    Incompatible,
    LinkError,
    OtherFormat,
    PeerGone,
    ProtocolError,
    Refused,
    SamePeer,
)
from instep.remotes.frames import (
    Bye,
    Content,
    Frame,
    Heads,
    Hello,
    Moved,
    Objects,
    Pack,
    Ping,
    Pong,
    Want,
)
from instep.remotes.link import Link, open_link
from instep.remotes.liveness import Keepalive
from instep.remotes.outbox import Outbox
from instep.remotes.wire import MAX_FRAME, encode
from tests.remotes.pairs import OURS, THEIRS, Raw, ends, link_and_raw, link_pair, socket_pair
from tests.remotes.samples import BULK, KEY, MOVE, OID, SAMPLES, hello

pytestmark = pytest.mark.anyio

OWN = (Hello, Ping, Pong, Bye)


async def drain(link: Link) -> None:
    """Read and forget."""
    async for _ in link:
        pass


async def test_every_frame_arrives() -> None:
    frames = [sample for sample in SAMPLES if not isinstance(sample, OWN)]
    async with link_pair() as (a, b):
        assert (a.peer, b.peer) == (THEIRS, OURS)
        assert (a.dialled, b.dialled) == (True, False)
        for frame in frames:
            await a.send(frame)
            assert await anext(b) == frame
            await b.send(frame)
            assert await anext(a) == frame


async def test_what_was_read_behind_the_preamble_counts() -> None:
    here, there = await socket_pair()
    stream = encode(THEIRS) + encode(MOVE)
    await there.send(stream[30:])
    async with there, open_link(here, OURS, dialled=False, early=stream[:30]) as link:
        assert await anext(link) == MOVE


async def test_history_goes_before_content_and_control_before_both() -> None:
    async with link_and_raw() as (link, raw), anyio.create_task_group() as tasks:
        content = [Content(1, n << 20, 4 << 20, BULK, n == 3) for n in range(4)]

        async def send_content() -> None:
            for frame in content:
                await link.send(frame)

        tasks.start_soon(send_content)
        await anyio.wait_all_tasks_blocked()
        objects, heads = Objects((Object(b"blob", b"x"),)), Heads("main", OID, None)
        await link.send(Pack(b"p", last=True), MOVE)
        await link.send(objects, MOVE, heads)
        link.post(Moved(1, "durable"))
        tasks.start_soon(drain, link)
        got = [await raw.read() for _ in range(10)]
        assert got[0] == content[0]  # it was under way
        assert got[1:] == [
            heads,
            Moved(1, "durable"),
            Pack(b"p", last=True),
            MOVE,
            objects,
            MOVE,
            *content[1:],
        ]
        tasks.cancel_scope.cancel()


async def test_a_sender_of_content_goes_at_the_pace_of_the_reader() -> None:
    async with link_and_raw() as (link, raw), anyio.create_task_group() as tasks:
        sent = list[int]()

        async def send_content() -> None:
            for n in range(40):
                await link.send(Content(1, n << 20, 40 << 20, BULK))
                sent.append(n)

        tasks.start_soon(send_content)
        await anyio.wait_all_tasks_blocked()
        assert len(sent) <= 4
        await link.send(Want(1, KEY))  # does not wait
        tasks.start_soon(drain, link)
        while not isinstance(await raw.read(), Want):
            pass
        for _ in range(39):
            await raw.read()
        await anyio.wait_all_tasks_blocked()
        assert len(sent) == 40
        tasks.cancel_scope.cancel()


async def test_content_waits_for_what_is_under_way_and_nothing_else_does() -> None:
    """A side that reads and does not say how far has so much on its way and no more."""
    async with link_and_raw() as (link, raw), anyio.create_task_group() as tasks:

        async def send_content() -> None:
            for n in range(4):
                await link.send(Content(1, n << 20, 4 << 20, BULK))

        tasks.start_soon(drain, link)
        tasks.start_soon(send_content)
        got = [await raw.receive(), await raw.receive()]
        assert [type(frame) for frame in got] == [Content, Ping]
        with anyio.move_on_after(0.05):
            pytest.fail(f"{await raw.receive()} came")
        await link.send(MOVE)
        assert await raw.receive() == MOVE
        await raw.send(Pong(got[1].n if isinstance(got[1], Ping) else 0))
        assert isinstance(await raw.receive(), Content)
        tasks.cancel_scope.cancel()


async def test_a_cancelled_send_tears_no_frame() -> None:
    async with link_and_raw() as (link, raw):
        for n in range(12):
            with anyio.move_on_after(0.001):
                await link.send(Content(n, 0, 0, BULK[n:], True))
            with anyio.move_on_after(0.001):
                await link.send(Pack(BULK[n:]), Pack(b"%d" % n))
        link.post(Moved(99, "durable"))
        control = 0
        while not control:
            match await raw.receive():
                case Content(id=n, data=data):
                    assert data == BULK[n:]
                case Pack():
                    pass
                case Moved(id=99):
                    control += 1
                case frame:
                    pytest.fail(f"{frame}")


async def test_a_cancelled_receive_loses_nothing() -> None:
    async with link_and_raw() as (link, raw):
        stream = encode(MOVE)
        for n in range(len(stream)):
            with anyio.move_on_after(0):
                await anext(link)
            await raw.stream.send(stream[n : n + 1])
            with anyio.CancelScope() as scope:
                if n + 1 < len(stream):
                    scope.cancel()
                assert await anext(link) == MOVE


async def test_pings_are_answered_and_measured() -> None:
    async with link_pair() as (a, b), anyio.create_task_group() as tasks:
        assert math.isnan(a.round_trip_s)
        tasks.start_soon(anext, b)
        a.probe()
        with anyio.move_on_after(0.05):
            await anext(a)
        assert a.round_trip_s >= 0
        await a.send(MOVE)


async def test_a_quiet_side_says_that_it_lives() -> None:
    async with link_and_raw(Keepalive(quiet_s=0.01, dead_s=60)) as (_, raw):
        assert isinstance(await raw.receive(), Ping)
        assert isinstance(await raw.receive(), Ping)


async def test_two_links_keep_each_other_alive_though_neither_iterates() -> None:
    here, there = await socket_pair()
    keepalive = Keepalive(quiet_s=0.01, answer_s=0.01, dead_s=0.3)
    async with anyio.create_task_group() as tasks:

        async def busy() -> None:
            async with open_link(there, THEIRS, dialled=False, keepalive=keepalive):
                await anyio.sleep_forever()  # reads nothing

        tasks.start_soon(busy)
        async with open_link(here, OURS, dialled=True, keepalive=keepalive) as link:
            with anyio.move_on_after(0.4) as patience:
                await anext(link)
            assert patience.cancelled_caught
        tasks.cancel_scope.cancel()


async def test_a_silent_side_is_given_up() -> None:
    async with link_and_raw(Keepalive(quiet_s=0.01, dead_s=0.03)) as (link, raw):
        with pytest.raises(PeerGone, match="Nothing was heard"):
            await anext(link)
        with pytest.raises(PeerGone, match="Nothing was heard"):
            await link.send(MOVE)
        await ends(raw)


async def test_who_is_told_something_says_a_word_though_it_has_nothing_to_say() -> None:
    async with link_and_raw(Keepalive(quiet_s=60, answer_s=0.01)) as (link, raw):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anext, link)
            await raw.send(MOVE)
        assert isinstance(await raw.receive(), Ping)
        await raw.stream.send(encode(MOVE)[:-1])  # the rest of it takes its time
        with anyio.move_on_after(0.02):
            await anext(link)
        assert isinstance(await raw.receive(), Ping)


async def test_a_link_on_which_nothing_is_said_is_silent() -> None:  # I28
    async with link_and_raw(Keepalive(quiet_s=60, answer_s=0.01, dead_s=0.1)) as (link, raw):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anext, link)
            await raw.send(MOVE)
        with anyio.move_on_after(0.3) as listening:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(anext, link)
                ping = await raw.receive()
                assert isinstance(ping, Ping)
                await raw.send(Pong(ping.n), Ping(7))
                assert await raw.receive() == Pong(7)
                await raw.receive()
                pytest.fail("there was nothing to say")
        assert listening.cancelled_caught


async def test_a_side_that_never_says_hello_is_given_up() -> None:
    here, there = await socket_pair()
    async with there:
        with pytest.raises(PeerGone, match="did not answer"):
            async with open_link(here, OURS, dialled=True, keepalive=Keepalive(hello_s=0.02)):
                pytest.fail("opened")


async def test_a_peer_that_asks_and_never_reads_costs_no_memory() -> None:
    async with link_and_raw() as (link, raw), anyio.create_task_group() as tasks:
        tasks.start_soon(_flood, raw, encode(Ping(1)) * 2000, 200)
        with anyio.move_on_after(0.5):
            await anext(link)
        with pytest.raises(PeerGone, match="does not read"):
            _post_much(link)
        tasks.cancel_scope.cancel()


async def test_only_control_frames_are_posted() -> None:
    async with link_and_raw() as (link, _):
        with pytest.raises(ValueError, match="control"):
            link.post(MOVE)


HOSTILE: dict[str, tuple[bytes, str]] = {
    "an unknown frame": (b"\0\0\0\2\x91\x63", "cannot be understood"),
    "too long": ((MAX_FRAME + 1).to_bytes(4, "big"), "longer"),
    "a second Hello": (encode(THEIRS), "second Hello"),
    "ids of another format": (encode(Heads("main", Oid(b"x" * 32), None)), "wrong length"),
}


@pytest.mark.parametrize(("stream", "reason"), HOSTILE.values(), ids=HOSTILE.keys())
async def test_an_error_of_the_peer_closes_both_directions(stream: bytes, reason: str) -> None:
    async with link_and_raw() as (link, raw):
        await raw.stream.send(encode(MOVE) + stream)
        assert await anext(link) == MOVE
        with pytest.raises(ProtocolError, match=reason) as caught:
            await anext(link)
        with pytest.raises(ProtocolError):
            await link.send(MOVE)
        assert await raw.receive() == Bye(str(caught.value))
        await ends(raw)


@pytest.mark.parametrize(
    ("first", "error", "match"),
    [
        (hello("2", oldest=5, protocol=9), Incompatible, "5 to 9.*version 1"),
        (OURS, SamePeer, "same repository"),
        (hello("2", object_format="sha256"), OtherFormat, "sha256"),
        (Bye("No thanks."), Refused, "No thanks"),
        (MOVE, ProtocolError, "Move instead of Hello"),
    ],
)
async def test_links_that_do_not_open(first: Frame, error: type[LinkError], match: str) -> None:
    here, there = await socket_pair()
    raw = Raw(there)
    async with there:
        await raw.send(first)
        with pytest.raises(error, match=match) as caught:
            async with open_link(here, OURS, dialled=True):
                pytest.fail("opened")
        assert await raw.receive() == OURS
        if error is not Refused:
            assert await raw.receive() == Bye(str(caught.value))
        await ends(raw)


async def test_both_sides_of_a_refusal_know_why() -> None:
    """Each comes to its own end, whichever Bye is first: nobody is left waiting."""
    here, there = await socket_pair()
    caught = list[LinkError]()

    async def end(stream: ByteStream, ours: Hello) -> None:
        try:
            async with open_link(stream, ours, dialled=True):
                pytest.fail("opened")
        except LinkError as error:
            caught.append(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(end, here, OURS)
        tasks.start_soon(end, there, hello("2", oldest=2, protocol=3))
    assert [type(error) for error in caught] == [Incompatible, Incompatible]


async def test_streams_that_are_no_sockets_serve_too() -> None:
    """As over ssh, where there are two pipes and nothing can be written past the stream."""
    here, there = await socket_pair()
    async with there:
        raw = Raw(there)
        await raw.send(THEIRS)
        stapled = StapledByteStream(_Piped(here), _Piped(here))
        async with open_link(stapled, OURS, dialled=True) as link:
            await link.send(MOVE)
            assert [await raw.receive() for _ in range(2)] == [OURS, MOVE]
            await raw.send(MOVE)
            assert await anext(link) == MOVE
        assert await raw.receive() == Bye()


class _Piped(ByteStream):
    """A stream that says nothing of the socket below it."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    async def receive(self, max_bytes: int = 65536) -> bytes:
        return await self._stream.receive(max_bytes)

    async def send(self, item: bytes) -> None:
        await self._stream.send(item)

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _flood(raw: Raw, data: bytes, times: int) -> None:
    for _ in range(times):
        await raw.stream.send(data)


def _post_much(link: Link) -> None:
    for n in range(1 << 20):
        link.post(Moved(n, "failed", "y" * 500))


async def test_a_frame_that_stays_torn_ends_the_link(monkeypatch: pytest.MonkeyPatch) -> None:  # I26
    """What came behind it would be taken for its rest, and the other side would wait for ever."""
    async with link_and_raw() as (link, _):

        def no_memory(_: object, rest: bytes) -> None:
            assert rest
            raise MemoryError

        monkeypatch.setattr(Outbox, "put_torn", no_memory)
        with pytest.raises(MemoryError):
            await send_for_ever(link)
        with pytest.raises(PeerGone):
            await anext(link)


async def send_for_ever(link: Link) -> None:
    while True:
        await link.send(Objects((Object(b"blob", bytes(50_000)),)))
