"""Supervision: a step that fails is named, and started again, each time a little later.

So nothing is ever dead and silent: while it fails there is a health condition with the error's sentence,
and its traceback is in the process's output.
"""

import random
from collections.abc import Awaitable, Callable
from typing import Protocol

import anyio

from instep.core.errors import error_sentence
from instep.core.retry import Backoff
from instep.daemon.troubles import Troubles, print_traceback

RAN_WELL_AFTER_S = 60.0
FAULT_OVER_AFTER_S = 2.0
"""A fault of the machine is over when the step has gone on for so long: it begins with what it failed at."""
FAULT_MOST_S = 5.0
"""What waits for a fault to end goes on so soon after that."""


class Clock(Protocol):
    """Time that can be handed in; both in seconds."""

    def now(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


class RealClock:
    """The event loop's time."""

    def now(self) -> float:
        return anyio.current_time()

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


async def supervise(
    name: str,
    step: Callable[[], Awaitable[None]],
    troubles: Troubles,
    delay: Callable[[int], float] | None = None,
    clock: Clock | None = None,
) -> None:
    """Run `step` until it returns. If it raises, start it again `delay(failures)` seconds later (by
    default 1 s to 5 min, after a fault of the machine 5 s at most, with jitter).

    That it is in trouble is said from the first failure until the step has run well for a minute (a fault of
    the machine is over sooner), or returned. Failures are counted from 0 again after that. A cancel passes
    through.
    """
    clock = clock or RealClock()
    failures, well_after_s, told = 0, RAN_WELL_AFTER_S, ""
    while True:
        started = clock.now()
        error = await _run_once(name, step, troubles, clock, well_after_s)
        if error is None:
            return
        if clock.now() - started >= well_after_s:
            failures, told = 0, ""
        is_fault = troubles.failed(name, error)
        if not is_fault or error_sentence(error) != told:  # the output must not grow while a disk is full
            print_traceback(error)
            told = error_sentence(error)
        well_after_s = FAULT_OVER_AFTER_S if is_fault else RAN_WELL_AFTER_S
        await clock.sleep((delay or (_fault_delay_s if is_fault else _usual_delay_s))(failures))
        failures += 1


async def _run_once(
    name: str, step: Callable[[], Awaitable[None]], troubles: Troubles, clock: Clock, well_after_s: float
) -> Exception | None:
    async def clear_later() -> None:
        await clock.sleep(well_after_s)
        troubles.mended(name)

    failed: Exception | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clear_later)
        try:
            await step()
        except Exception as error:
            failed = error
        tasks.cancel_scope.cancel()
    if failed is None:
        troubles.mended(name)
    return failed


def _usual_delay_s(failures: int) -> float:
    return Backoff().delay_s(failures, random.random())


def _fault_delay_s(failures: int) -> float:
    return Backoff(most_s=FAULT_MOST_S).delay_s(failures, random.random())
