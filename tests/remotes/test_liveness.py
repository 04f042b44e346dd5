"""When a Ping is due and when the other side is dead, with times made up."""

from hypothesis import given
from hypothesis import strategies as st

from instep.remotes.liveness import GiveUp, Keepalive, Liveness, Rest, SayAlive

SETTINGS = Keepalive(quiet_s=15, answer_s=2, dead_s=8)


def listening() -> Liveness:
    """From 0 on, somebody waits for bytes."""
    liveness = Liveness(SETTINGS, now=0)
    liveness.listen(0)
    return liveness


def test_a_side_that_says_nothing_is_reminded() -> None:
    liveness = listening()
    assert liveness.due(0) == Rest(15)
    liveness.received(10)
    assert liveness.due(10) == Rest(5)
    assert liveness.due(15) == SayAlive()


def test_who_was_told_something_says_a_word_soon() -> None:
    liveness = listening()
    liveness.received(1)
    liveness.told(1)
    liveness.told(2)
    assert liveness.due(2) == Rest(1)
    assert liveness.due(3) == SayAlive()
    liveness.sent(3)
    liveness.received(3)
    assert liveness.due(3) == Rest(15)


def test_who_is_too_busy_to_read_says_so() -> None:
    liveness = listening()
    liveness.leave(1)
    assert liveness.due(1) == Rest(1)
    assert liveness.due(2) == SayAlive()
    liveness.sent(2)
    assert liveness.due(2) == Rest(2)


def test_silence_after_our_words_is_death() -> None:
    liveness = listening()
    liveness.sent(10)
    assert liveness.due(10) == Rest(8)
    liveness.sent(14)
    assert liveness.due(14) == Rest(4)
    assert liveness.due(18) == GiveUp()


def test_nobody_answers_an_answer() -> None:
    liveness = listening()
    liveness.received(1)
    liveness.sent(1, is_answer=True)
    assert liveness.due(15) == Rest(1)


def test_silence_of_who_was_told_nothing_is_none() -> None:
    liveness = listening()
    assert liveness.due(1000) == SayAlive()


def test_a_word_of_theirs_starts_the_count_anew() -> None:
    liveness = listening()
    liveness.sent(1)
    liveness.received(8)
    liveness.sent(12)
    assert liveness.due(19) == Rest(1)
    assert liveness.due(20) == GiveUp()


def test_who_does_not_read_cannot_blame_the_other() -> None:
    liveness = listening()
    liveness.sent(0)
    liveness.leave(5)
    liveness.sent(1000)
    assert liveness.due(1000) == Rest(2)
    liveness.listen(1000)
    assert liveness.silent_s(1002) == 7


def test_reading_in_short_turns_hides_no_silence() -> None:
    liveness = listening()
    liveness.sent(0)
    for turn in range(8):
        liveness.listen(turn)
        liveness.leave(turn + 1)
    assert liveness.due(8) == GiveUp()


@given(
    st.lists(st.tuples(st.sampled_from(["sent", "received", "told", "listen", "leave"]), st.floats(0, 20)))
)
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
    liveness = listening()
    liveness.sent(10)
    liveness.doubt(10, within_s=5)
    assert liveness.due(10) == Rest(5)
    liveness.doubt(12, within_s=100)
    assert liveness.due(15) == GiveUp()
    liveness.received(15)
    liveness.sent(15)
    assert liveness.due(20) == Rest(3)


def test_doubt_counts_only_while_somebody_listens() -> None:
    liveness = Liveness(SETTINGS, now=0)
    liveness.doubt(0, within_s=5)
    liveness.sent(100)
    assert liveness.due(100) == Rest(2)
