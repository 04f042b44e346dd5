"""When a remote is tried: with pauses that grow, and at once when there is a reason."""

import anyio
import pytest

from instep.core.rules import Rules
from instep.daemon.remote import Remote

pytestmark = pytest.mark.anyio

PATIENCE_S = 20.0


class Tries:
    """Work that fails at once, and is counted."""

    def __init__(self) -> None:
        self.count = 0
        self.told = 0
        self._next = anyio.Event()

    async def __call__(self) -> bool:
        self.count += 1
        self._next.set()
        self._next = anyio.Event()
        return False

    async def next(self) -> None:
        with anyio.fail_after(PATIENCE_S):
            await self._next.wait()

    def tell(self) -> None:
        self.told += 1


async def test_a_change_of_the_network_does_not_wait_for_the_pause() -> None:
    remote, tries = Remote("far", "host:x", Rules()), Tries()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(remote.keep, tries, tries.tell)
        await tries.next()
        for _ in range(50):  # waiting out the pauses would take hours
            await anyio.wait_all_tasks_blocked()
            with anyio.fail_after(PATIENCE_S):
                remote.network_changed()
                await tries.next()
        assert (remote.tried, tries.told) == (True, 1)
        tasks.cancel_scope.cancel()


async def test_a_try_that_hangs_while_the_network_changes_is_made_again() -> None:
    remote, started = Remote("far", "host:x", Rules(), old_try_s=0.0), list[anyio.Event]()

    async def hang() -> bool:
        started.append(anyio.Event())
        await anyio.sleep_forever()
        return True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(remote.keep, hang, lambda: None)
        await anyio.wait_all_tasks_blocked()
        remote.network_changed()
        await anyio.wait_all_tasks_blocked()
        assert len(started) == 2
        remote.network_changed()  # an address more: the new try has gone the new way
        await anyio.wait_all_tasks_blocked()
        assert len(started) == 2
        tasks.cancel_scope.cancel()


async def test_a_network_that_changes_all_the_time_leaves_a_slow_try_its_time() -> None:  # I25
    """Each try needs ten times the patience that the first ones get."""
    remote, over = Remote("far", "host:x", Rules(), old_try_s=0.0, new_try_s=0.02), anyio.Event()

    async def take_long() -> bool:
        await anyio.sleep(0.2)
        over.set()
        await anyio.sleep_forever()
        return True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(remote.keep, take_long, lambda: None)
        with anyio.fail_after(PATIENCE_S):
            while not over.is_set():
                await anyio.sleep(0.005)
                remote.network_changed()
        tasks.cancel_scope.cancel()


async def test_a_young_try_is_left_alone() -> None:
    remote, started = Remote("far", "host:x", Rules()), list[int]()

    async def hang() -> bool:
        started.append(1)
        await anyio.sleep_forever()
        return True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(remote.keep, hang, lambda: None)
        await anyio.wait_all_tasks_blocked()
        remote.network_changed()
        await anyio.wait_all_tasks_blocked()
        assert started == [1]
        tasks.cancel_scope.cancel()
