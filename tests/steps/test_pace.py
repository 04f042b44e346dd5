"""An even flow, with a clock that is handed in."""

import time

import pytest

from instep.steps.pace import LEAST_BYTES, Pace, ThreadPace


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_without_a_limit_nobody_waits() -> None:
    pace = Pace(lambda: None, Clock())
    assert (pace.is_limited, pace.piece(1 << 20), pace.wait_s(1 << 30)) == (False, 1 << 20, 0)


def test_each_waits_until_those_before_are_through() -> None:
    clock = Clock()
    pace = Pace(lambda: 1000, clock)
    assert [pace.wait_s(500) for _ in range(3)] == [0, 0.5, 1.0]
    clock.now_s += 1
    assert pace.wait_s(500) == 0.5
    clock.now_s += 100
    assert [pace.wait_s(500) for _ in range(2)] == [0, 0.5], "what was not used is not saved up"


def test_pieces_are_small_where_the_limit_is_low() -> None:
    pieces = [Pace(lambda n=n: n).piece(1 << 20) for n in (10, 80_000, 1 << 30)]
    assert pieces == [LEAST_BYTES, 10_000, 1 << 20]


def test_a_new_limit_holds_at_once() -> None:  # I22
    limits: list[int | None] = [1000]
    pace = Pace(lambda: limits[-1], Clock())
    assert [pace.wait_s(1000), pace.wait_s(1000)] == [0, 1]
    limits.append(None)
    assert pace.wait_s(1000) == 0


def test_a_thread_is_held_up_as_it_says_how_far_it_is() -> None:
    told: list[int] = []
    paced = ThreadPace(lambda: 10_000).paced(told.append)
    began_s = time.monotonic()
    for done_bytes in (50_000, 53_000, 56_000):
        paced(done_bytes)
    assert time.monotonic() - began_s >= 0.3, "what was there before does not count"
    assert list(dict.fromkeys(told)) == [50_000, 53_000, 56_000]


def test_a_thread_that_waits_can_be_stopped() -> None:
    calls: list[int] = []

    def stopped(done_bytes: int) -> None:
        calls.append(done_bytes)
        if len(calls) > 3:
            raise KeyError

    paced = ThreadPace(lambda: 1).paced(stopped, 0)
    paced(1000)
    with pytest.raises(KeyError):
        paced(2000)
