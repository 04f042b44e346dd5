"""Supervision: a step that fails is named, and started again, each time a little later.

So nothing is ever dead and silent: while it fails there is a health condition with the error's sentence,
and its traceback is in the process's output.
"""

import random
import sys
import traceback
from collections.abc import Awaitable, Callable
from typing import Protocol, cast

import anyio

from instep.core.errors import InstepError
from instep.core.retry import Backoff

RAN_WELL_AFTER_S = 60.0


class Conditions(Protocol):
    """The part of the board that supervision needs."""

    def raise_condition(self, code: str, subject: str = "", detail: str = "") -> None: ...
    def clear_condition(self, code: str, subject: str = "") -> None: ...


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
    board: Conditions,
    delay: Callable[[int], float] | None = None,
    clock: Clock | None = None,
) -> None:
    """Run `step` until it returns. If it raises, start it again `delay(failures)` seconds later (by
    default 1 s to 5 min, with jitter).

    The condition "step-failed" about `name` holds from the first failure until the step has run well for a
    minute, or returned. Failures are counted from 0 again after that. A cancel passes through.
    """
    clock, delay = clock or RealClock(), delay or _usual_delay_s
    failures = 0
    while True:
        started = clock.now()
        error = await _run_once(name, step, board, clock)
        if error is None:
            return
        if clock.now() - started >= RAN_WELL_AFTER_S:
            failures = 0
        traceback.print_exception(error, file=sys.stderr)
        board.raise_condition("step-failed", name, error_sentence(error))
        await clock.sleep(delay(failures))
        failures += 1


async def _run_once(
    name: str, step: Callable[[], Awaitable[None]], board: Conditions, clock: Clock
) -> Exception | None:
    async def clear_later() -> None:
        await clock.sleep(RAN_WELL_AFTER_S)
        board.clear_condition("step-failed", name)

    failed: Exception | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clear_later)
        try:
            await step()
        except Exception as error:
            failed = error
        tasks.cancel_scope.cancel()
    if failed is None:
        board.clear_condition("step-failed", name)
    return failed


def _usual_delay_s(failures: int) -> float:
    return Backoff().delay_s(failures, random.random())


def error_sentence(error: BaseException) -> str:
    """What a person should read of an error: its sentence, or its kind and words; of a group, the first."""
    if isinstance(error, BaseExceptionGroup):
        return error_sentence(cast("BaseExceptionGroup[BaseException]", error).exceptions[0])
    if isinstance(error, InstepError):
        return error.text
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
