"""Who waits for the last caller to go gets it right, whoever comes and goes in between."""

import anyio
import pytest
from anyio.abc import TaskGroup

from instep.daemon.callers import Callers

pytestmark = pytest.mark.anyio


def watch(tasks: TaskGroup, callers: Callers) -> anyio.Event:
    """Set once there is none."""
    over = anyio.Event()

    async def wait() -> None:
        await callers.until_none(0)
        over.set()

    tasks.start_soon(wait)
    return over


async def test_without_any_it_is_over() -> None:
    with anyio.fail_after(10):
        await Callers().until_none(0)


async def test_as_long_as_one_is_there_it_is_not() -> None:
    callers = Callers()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            with callers.one_more():
                over = watch(tasks, callers)
                with callers.one_more():
                    await anyio.wait_all_tasks_blocked()
                await anyio.wait_all_tasks_blocked()
                assert not over.is_set()
            await over.wait()


async def test_one_that_fails_is_gone_too() -> None:
    callers = Callers()
    with pytest.raises(OSError, match="broken"), callers.one_more():
        raise OSError("broken")
    with anyio.fail_after(10):
        await callers.until_none(0)
