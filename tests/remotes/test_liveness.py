"""When a Ping is due and when the other side is dead, with times made up."""

from hypothesis import given
from hypothesis import strategies as st

from instep.remotes.liveness import GiveUp, Keepalive, Liveness, Rest, SayAlive

SETTINGS = Keepalive(quiet_s=15, dead_s=45)


def test_a_side_that_says_nothing_is_reminded() -> None:
    liveness = Liveness(SETTINGS, now=100)
    assert liveness.due(100) == Rest(15)
    liveness.sent(110)
    assert liveness.due(115) == Rest(10)
    assert liveness.due(125) == SayAlive()


def test_a_silent_side_is_given_up() -> None:
    liveness = Liveness(SETTINGS, now=0)
    liveness.listen(0)
    liveness.sent(40)
    assert liveness.due(40) == Rest(5)
    assert liveness.due(45) == GiveUp()


def test_a_word_of_theirs_starts_the_count_anew() -> None:
    liveness = Liveness(SETTINGS, now=0)
    liveness.listen(0)
    liveness.received(44)
    liveness.sent(80)
    assert liveness.due(80) == Rest(9)
    assert liveness.due(89) == GiveUp()


def test_who_does_not_read_cannot_blame_the_other() -> None:
    liveness = Liveness(SETTINGS, now=0)
    liveness.listen(0)
    liveness.leave(10)
    liveness.sent(1000)
    assert liveness.due(1000) == Rest(15)
    liveness.listen(1000)
    assert liveness.silent_s(1005) == 15


def test_reading_in_short_turns_hides_no_silence() -> None:
    liveness = Liveness(SETTINGS, now=0)
    for turn in range(45):
        liveness.listen(turn)
        liveness.leave(turn + 1)
    assert liveness.due(45) == GiveUp()


@given(st.lists(st.tuples(st.sampled_from(["sent", "received", "listen", "leave"]), st.floats(0, 20))))
def test_it_never_asks_to_be_asked_again_at_once(events: list[tuple[str, float]]) -> None:
    """I28: a rest of no time would spin."""
    now, liveness = 0.0, Liveness(SETTINGS, 0)
    for event, pause_s in events:
        now += pause_s
        getattr(liveness, event)(now)
        match liveness.due(now):
            case Rest(seconds):
                assert 0 < seconds <= SETTINGS.quiet_s + 1e-6
            case SayAlive():
                liveness.sent(now)
                assert liveness.due(now) != SayAlive()
            case GiveUp():
                assert liveness.silent_s(now) >= SETTINGS.dead_s


def test_doubt_shortens_the_patience_until_a_word_is_heard() -> None:
    liveness = Liveness(SETTINGS, now=0)
    liveness.listen(0)
    liveness.sent(10)
    liveness.doubt(10, within_s=5)
    assert liveness.due(10) == Rest(5)
    liveness.doubt(12, within_s=100)
    assert liveness.due(15) == GiveUp()
    liveness.received(15)
    liveness.sent(15)
    assert liveness.due(20) == Rest(10)


def test_doubt_counts_only_while_somebody_listens() -> None:
    liveness = Liveness(SETTINGS, now=0)
    liveness.doubt(0, within_s=5)
    liveness.sent(100)
    assert liveness.due(100) == Rest(5)
