"""core/retry.py: bounds, growth, spread."""

from hypothesis import given
from hypothesis import strategies as st

from instep.core.retry import Backoff

attempts = st.integers(0, 10_000)
chances = st.floats(0, 1, exclude_max=True)


@given(attempts, chances)
def test_within_bounds(attempt: int, chance: float) -> None:
    assert 1.0 <= Backoff().delay_s(attempt, chance) <= 300.0


@given(attempts, chances, chances)
def test_never_sooner_than_the_time_before(attempt: int, chance: float, other: float) -> None:
    backoff = Backoff()
    assert backoff.delay_s(attempt + 1, other) >= min(backoff.delay_s(attempt, chance), 150.0)


def test_two_nodes_that_failed_together_part() -> None:
    """I19: even at the longest wait, chance spreads them."""
    assert [Backoff().delay_s(attempt, 0.0) for attempt in (0, 1, 2, 99)] == [1.0, 2.0, 4.0, 150.0]
    assert [Backoff().delay_s(attempt, 0.5) for attempt in (0, 1, 2, 99)] == [1.5, 3.0, 6.0, 225.0]


def test_other_limits() -> None:
    assert Backoff(first_s=0.1, most_s=0.15).delay_s(5, 0.5) == 0.125
