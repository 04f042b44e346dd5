"""Who breaks the protocol waits, ever longer, until it behaves."""

from instep.remotes.shun import REMEMBERED, Shun


def test_each_fault_costs_more_time_until_it_is_forgiven() -> None:
    shun = Shun()
    assert not shun.holds("x", 0)
    shun.broke("x", 0, 0.0)
    assert shun.holds("x", 1.9)
    assert not shun.holds("x", 2)
    assert not shun.holds("y", 0)
    shun.broke("x", 2, 0.0)
    assert shun.holds("x", 5.9)
    shun.forgive("x")
    assert not shun.holds("x", 5.9)
    shun.broke("x", 6, 0.0)
    assert not shun.holds("x", 8)


def test_it_takes_no_memory_to_speak_of() -> None:
    shun = Shun()
    for number in range(REMEMBERED + 10):
        shun.broke(str(number), 0, 0.5)
    assert not shun.holds("0", 0)
    assert shun.holds(str(REMEMBERED + 9), 0)
