"""How a link ends: with a word, with an error, by a cancel, or just so."""

import anyio
import pytest

from instep.remotes.errors import (
    NotRunning,
    PeerGone,
)
from instep.remotes.frames import (
    Bye,
    Content,
    Moved,
    Want,
)
from instep.remotes.link import open_link
from instep.remotes.wire import encode
from tests.remotes.pairs import OURS, THEIRS, Raw, ends, link_and_raw, link_pair, socket_pair
from tests.remotes.samples import BULK, KEY, MOVE

pytestmark = pytest.mark.anyio


async def test_bye_ends_the_iteration_after_what_came_before() -> None:
    async with link_and_raw() as (link, raw):
        await raw.send(MOVE, Bye("Good night."), MOVE)
        assert [frame async for frame in link] == [MOVE]
        assert link.farewell == "Good night."
        with pytest.raises(PeerGone, match="Good night"):
            await link.send(MOVE)
        with pytest.raises(PeerGone, match="Good night"):
            link.post(Want(1, KEY))


async def test_leaving_the_block_sends_answers_and_bye() -> None:
    async with link_and_raw() as (link, raw):
        await link.send(Content(1, 0, 0, BULK), Content(2, 0, 0, BULK), Content(3, 0, 0, BULK))
        link.post(Moved(1, "durable"))

        async def read() -> None:
            got = [await raw.receive() for _ in range(3)]
            assert got == [Content(1, 0, 0, BULK), Moved(1, "durable"), Bye("Enough.")]
            await ends(raw)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await link.aclose("Enough.")
            await link.aclose()
        assert [frame async for frame in link] == []
        with pytest.raises(PeerGone, match="closed on this side"):
            await link.send(MOVE)


async def test_closing_wakes_the_reader_and_the_senders() -> None:
    woken = list[str]()
    async with link_and_raw() as (link, _), anyio.create_task_group() as tasks:

        async def read() -> None:
            async for _ in link:
                pass
            woken.append("reader")

        async def send() -> None:
            with pytest.raises(PeerGone):
                await link.send(*[Content(1, 0, 0, BULK)] * 20)
            woken.append("sender")

        tasks.start_soon(read)
        tasks.start_soon(send)
        await anyio.wait_all_tasks_blocked()
        await link.aclose()
    assert sorted(woken) == ["reader", "sender"]


async def test_both_may_close_at_once() -> None:
    async with link_pair() as (a, b):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(a.aclose, "a")
            tasks.start_soon(b.aclose, "b")
        assert [frame async for frame in a] == [frame async for frame in b] == []


async def test_a_cancelled_block_still_says_bye() -> None:
    here, there = await socket_pair()
    raw = Raw(there)
    await raw.send(THEIRS)
    async with there:
        with anyio.CancelScope() as scope:
            async with open_link(here, OURS, dialled=True) as link:
                scope.cancel()
                await anext(link)
        assert scope.cancelled_caught
        assert [await raw.receive() for _ in range(2)] == [OURS, Bye()]
        await ends(raw)


async def test_what_the_block_raises_comes_out_as_it_is() -> None:
    with pytest.raises(NotRunning, match=r"^mine$"):
        async with link_and_raw():
            raise NotRunning("mine")


@pytest.mark.parametrize("cut", [0, 2, 30])
async def test_a_connection_that_justends(cut: int) -> None:
    async with link_and_raw() as (link, raw):
        await raw.stream.send(encode(MOVE) + encode(MOVE)[:cut])
        await raw.stream.aclose()
        assert await anext(link) == MOVE
        with pytest.raises(PeerGone):
            await anext(link)
        with pytest.raises(PeerGone):
            await link.send(MOVE)


async def test_the_last_words_of_a_peer_that_is_gone_are_read() -> None:
    async with link_and_raw() as (link, raw):
        await raw.send(MOVE, Bye("Out of power."))
        await raw.stream.aclose()
        with pytest.raises(PeerGone):
            await link.send(*[Content(1, 0, 0, BULK)] * 20)
        assert [frame async for frame in link] == [MOVE]
        assert link.farewell == "Out of power."
