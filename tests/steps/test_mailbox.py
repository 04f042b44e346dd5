"""The mailbox joins two steps: everything that waits is taken at once, and nothing is taken twice."""

import anyio
import pytest

from instep.steps.mailbox import Mailbox

pytestmark = pytest.mark.anyio


async def test_takes_everything_that_waits_at_once() -> None:
    box: Mailbox[set[int]] = Mailbox(set[int])
    box.content.update((1, 2))
    box.ring()
    box.content.add(3)
    assert await box.take() == {1, 2, 3}
    assert not box.waiting


async def test_what_comes_meanwhile_waits_for_the_next_take() -> None:
    box: Mailbox[set[int]] = Mailbox(set[int])
    box.content.add(1)
    box.ring()
    taken = await box.take()
    box.content.add(2)
    box.ring()
    assert taken == {1}
    assert await box.take() == {2}


async def test_a_take_waits_for_the_bell() -> None:
    box: Mailbox[set[int]] = Mailbox(set[int])
    taken: list[set[int]] = []

    async def taker() -> None:
        taken.append(await box.take())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(taker)
        await anyio.wait_all_tasks_blocked()
        assert taken == []
        box.content.add(7)
        box.ring()
    assert taken == [{7}]
