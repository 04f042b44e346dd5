"""Long work in a thread that a cancel ends at its next block, and never leaves running."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread

from instep.remotes.aside import Aside

R = TypeVar("R")
TELL_EVERY_BYTES = 32 << 20


class Stopped(Exception):
    """Raised in the thread: nobody waits for the work any more."""


async def run_stoppable(
    work: Callable[[Callable[[int], None]], R],
    tell: Callable[[int], None],
    aside: Aside | None = None,
) -> R:
    """What `work(progress)` returns or raises. It calls `progress(bytes done)` often, which raises Stopped
    after a cancel; now and then `tell` gets the figure, in the event loop. `aside`: where work that may hang
    is done; after a cancel it is not waited for."""
    stop = threading.Event()
    loop = asyncio.get_running_loop()
    told = 0

    def progress(done: int) -> None:
        nonlocal told
        if stop.is_set():
            raise Stopped
        if done - told >= TELL_EVERY_BYTES:
            told = done
            loop.call_soon_threadsafe(tell, done)

    async def stop_when_cancelled() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            stop.set()

    result: list[R] = []
    failed: list[Exception] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stop_when_cancelled)
        try:
            if aside is not None:
                result.append(await aside.run(lambda: work(progress), long=True))
            else:
                result.append(await anyio.to_thread.run_sync(work, progress))
        except Exception as error:  # to come out as it is, not in the group's wrapping
            failed.append(error)
        tasks.cancel_scope.cancel()
    if failed and isinstance(failed[0], Stopped):
        await anyio.lowlevel.checkpoint()  # raises the cancel that stopped it: nothing has failed
    if failed:
        raise failed[0]
    return result[0]
