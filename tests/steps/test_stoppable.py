"""Long work in a thread that a cancel ends."""

import threading
from collections.abc import Callable

import anyio
import anyio.to_thread
import pytest

from instep.steps.stoppable import run_stoppable

pytestmark = pytest.mark.anyio


def ignore(done_bytes: int) -> None:
    """Nobody is told of the progress."""


async def test_a_cancel_is_a_cancel_and_no_failure() -> None:  # I29
    begun = threading.Event()

    def work(progress: Callable[[int], None]) -> None:
        while True:
            begun.set()
            progress(1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run_stoppable, work, ignore)
        await anyio.to_thread.run_sync(begun.wait)
        tasks.cancel_scope.cancel()


async def test_what_the_work_raises_comes_out_as_it_is() -> None:
    def work(progress: Callable[[int], None]) -> None:
        progress(1)
        raise FileNotFoundError

    with pytest.raises(FileNotFoundError):
        await run_stoppable(work, ignore)
