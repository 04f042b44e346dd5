"""Lanes, bounds and cancellation of what waits to be written."""

import anyio
import pytest

from instep.remotes.errors import PeerGone
from instep.remotes.frames import Lane
from instep.remotes.outbox import Outbox

pytestmark = pytest.mark.anyio

LIMITS = {Lane.CONTROL: 10, Lane.HISTORY: 10, Lane.CONTENT: 10}
GONE = PeerGone("gone")


async def test_earlier_lanes_go_first_and_a_lane_keeps_its_order() -> None:
    outbox = Outbox()
    await outbox.put(Lane.CONTENT, b"c1")
    await outbox.put(Lane.HISTORY, b"h1")
    await outbox.put(Lane.CONTENT, b"c2")
    await outbox.put(Lane.CONTROL, b"k1")
    await outbox.put(Lane.HISTORY, b"h2")
    outbox.put_torn(b"rest")
    assert [await outbox.take() for _ in range(6)] == [b"rest", b"k1", b"h1", b"h2", b"c1", b"c2"]


async def test_it_is_idle_only_when_all_is_written() -> None:
    outbox = Outbox()
    assert outbox.is_idle
    await outbox.put(Lane.CONTROL, b"x")
    assert not outbox.is_idle
    await outbox.take()
    assert not outbox.is_idle  # taken, but who knows whether it is written
    with anyio.move_on_after(0):
        await outbox.take()
    assert outbox.is_idle


async def test_a_full_lane_makes_its_senders_wait_in_turn_and_no_others() -> None:
    outbox, done = Outbox(LIMITS), list[bytes]()

    async def put(data: bytes) -> None:
        await outbox.put(Lane.CONTENT, data)
        done.append(data)

    async with anyio.create_task_group() as tasks:
        await outbox.put(Lane.CONTENT, b"0" * 10)
        for data in (b"1" * 10, b"2" * 10, b"3" * 10):
            tasks.start_soon(put, data)
            await anyio.wait_all_tasks_blocked()
        assert done == []
        await outbox.put(Lane.CONTROL, b"control")
        assert await outbox.take() == b"control"
        for n in range(4):
            assert await outbox.take() == str(n).encode() * 10
            await anyio.wait_all_tasks_blocked()
    assert done == [b"1" * 10, b"2" * 10, b"3" * 10]


async def test_a_cancelled_sender_leaves_nothing_and_lets_the_next_one_in() -> None:
    outbox = Outbox(LIMITS)
    await outbox.put(Lane.CONTENT, b"0" * 10)
    async with anyio.create_task_group() as tasks:
        scope = anyio.CancelScope()
        scope.cancel()
        with scope:
            await outbox.put(Lane.CONTENT, b"cancelled")
            pytest.fail("it was let in")
        tasks.start_soon(outbox.put, Lane.CONTENT, b"next")
        await anyio.wait_all_tasks_blocked()
        assert [await outbox.take() for _ in range(1)] == [b"0" * 10]
        assert await outbox.take() == b"next"


async def test_what_may_be_lost_does_not_wait() -> None:
    outbox = Outbox(LIMITS)
    assert outbox.put_now(Lane.CONTROL, b"x" * 10)
    assert not outbox.put_now(Lane.CONTROL, b"y")
    assert await outbox.take() == b"x" * 10


async def test_closing_wakes_everybody_with_the_first_error() -> None:
    outbox = Outbox(LIMITS)
    await outbox.put(Lane.CONTENT, b"0" * 10)
    raised = list[Exception]()

    async def put() -> None:
        try:
            await outbox.put(Lane.CONTENT, b"late")
        except PeerGone as error:
            raised.append(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(put)
        await anyio.wait_all_tasks_blocked()
        outbox.close(GONE)
        outbox.close(PeerGone("again"))
    assert raised == [GONE]
    assert not outbox.is_idle
    assert not outbox.put_now(Lane.CONTROL, b"x")
    with pytest.raises(PeerGone, match="gone"):
        await outbox.take()


async def test_draining_writes_answers_and_the_farewell_and_nothing_else() -> None:
    outbox, written = Outbox(LIMITS), list[bytes]()
    await outbox.put(Lane.HISTORY, b"0" * 10)
    await outbox.put(Lane.CONTROL, b"answer")
    waiting = list[Exception]()

    async def put() -> None:
        try:
            await outbox.put(Lane.HISTORY, b"too late")
        except PeerGone as error:
            waiting.append(error)

    async def write() -> None:
        while True:
            written.append(await outbox.take())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(put)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(write)
        await outbox.drain(b"bye", GONE)
        tasks.cancel_scope.cancel()
    assert written == [b"answer", b"bye"]
    assert waiting == [GONE]
