"""A failing step is named and started again, later each time; a cancel ends it."""

from collections.abc import Awaitable, Callable

import anyio
import pytest

from instep.core.errors import InstepError
from instep.daemon.supervise import FAULT_MOST_S, FAULT_OVER_AFTER_S, RAN_WELL_AFTER_S, supervise
from instep.daemon.troubles import Troubles

pytestmark = pytest.mark.anyio


class FakeClock:
    """Time that stands still until it is told to pass."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self.slept: list[float] = []
        self._sleepers: list[tuple[float, anyio.Event]] = []

    def now(self) -> float:
        return self.time_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        event = anyio.Event()
        self._sleepers.append((self.time_s + seconds, event))
        await event.wait()

    async def pass_time(self, seconds: float) -> None:
        self.time_s += seconds
        for until, event in self._sleepers:
            if until <= self.time_s:
                event.set()
        await anyio.wait_all_tasks_blocked()


class Conditions:
    def __init__(self) -> None:
        self.now: dict[tuple[str, str], str] = {}

    def raise_condition(self, code: str, subject: str = "", detail: str = "") -> None:
        self.now[code, subject] = detail

    def clear_condition(self, code: str, subject: str = "") -> None:
        self.now.pop((code, subject), None)


class Step:
    """Fails as often as it is told to, then runs until cancelled (or returns)."""

    def __init__(self, failures: int, *, returns: bool = False) -> None:
        self.starts = 0
        self._failures = failures
        self._returns = returns

    async def run(self) -> None:
        self.starts += 1
        if self.starts <= self._failures:
            raise InstepError(f"failure {self.starts}")
        if not self._returns:
            await anyio.sleep_forever()


async def supervised(
    step: Callable[[], Awaitable[None]],
    clock: FakeClock,
    board: Conditions,
    then: Callable[[], Awaitable[None]],
) -> None:
    async with anyio.create_task_group() as tasks:

        async def run() -> None:
            await supervise("watch", step, Troubles(board), lambda failures: 10.0 * (failures + 1), clock)

        tasks.start_soon(run)
        await anyio.wait_all_tasks_blocked()
        await then()
        tasks.cancel_scope.cancel()


async def test_it_is_started_again_later_each_time() -> None:
    step, clock, board = Step(2), FakeClock(), Conditions()

    async def then() -> None:
        assert board.now == {("step-failed", "watch"): "failure 1"}
        await clock.pass_time(9)
        assert step.starts == 1
        await clock.pass_time(1)
        assert step.starts == 2
        assert board.now == {("step-failed", "watch"): "failure 2"}
        await clock.pass_time(20)
        assert step.starts == 3

    await supervised(step.run, clock, board, then)
    assert [seconds for seconds in clock.slept if seconds != RAN_WELL_AFTER_S] == [10, 20]


async def test_the_condition_goes_when_it_has_run_well_for_a_while() -> None:
    step, clock, board = Step(1), FakeClock(), Conditions()

    async def then() -> None:
        await clock.pass_time(10)
        assert board.now
        await clock.pass_time(RAN_WELL_AFTER_S)
        assert not board.now
        assert step.starts == 2

    await supervised(step.run, clock, board, then)


async def test_failures_are_counted_anew_after_it_ran_well() -> None:
    clock, board = FakeClock(), Conditions()
    fail = anyio.Event()

    async def step() -> None:
        await fail.wait()
        raise OSError(28, "No space left on device")

    async def then() -> None:
        await clock.pass_time(RAN_WELL_AFTER_S)
        fail.set()
        await anyio.wait_all_tasks_blocked()

    await supervised(step, clock, board, then)
    assert clock.slept == [RAN_WELL_AFTER_S, 10]


async def test_a_step_that_returns_is_done() -> None:
    board = Conditions()
    await supervise("start", Step(0, returns=True).run, Troubles(board), lambda _: 0.0, FakeClock())
    assert not board.now


async def test_a_fault_of_the_machine_is_over_soon_after_it_went() -> None:  # I26
    clock, board = FakeClock(), Conditions()
    starts = 0

    async def step() -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            raise OSError(28, "No space left on device")
        await anyio.sleep_forever()

    async def then() -> None:
        assert board.now == {("disk-full", ""): "no space left on device"}
        await clock.pass_time(10)
        assert board.now, "it may fail again at once"
        await clock.pass_time(FAULT_OVER_AFTER_S)
        assert not board.now

    await supervised(step, clock, board, then)


async def test_it_waits_seconds_and_not_minutes_for_a_fault_to_end() -> None:  # I26
    clock = FakeClock()

    async def step() -> None:
        raise OSError(28, "No space left on device")

    async def supervise_it() -> None:
        await supervise("watch", step, Troubles(Conditions()), clock=clock)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(supervise_it)
        for _ in range(12):
            await anyio.wait_all_tasks_blocked()
            await clock.pass_time(FAULT_MOST_S)
        tasks.cancel_scope.cancel()
    waits = [seconds for seconds in clock.slept if seconds not in (RAN_WELL_AFTER_S, FAULT_OVER_AFTER_S)]
    assert len(waits) == 13
    assert max(waits) <= FAULT_MOST_S
    assert min(waits) >= 1
