"""Each copy of a content is spoken of truly, and with the reason that counts."""

from hypothesis import given
from hypothesis import strategies as st

from instep.core.why import Copy, Kind, Place, Why, explain

HERE = Copy("here", "u0", False, True, is_here=True)
LAPTOP = Copy("laptop", "u1", True, True)
ARCHIVE = Copy("archive", "u2", False, False, "include=old/*")


def reason(copy: Copy, *others: Copy, lag: str = "") -> str:
    return explain(copy, others, lag).reason


def test_who_has_it_needs_no_reason() -> None:
    assert reason(LAPTOP, HERE) == ""


def test_who_does_not_ask_for_it_says_so() -> None:
    assert reason(ARCHIVE) == "its preferred content does not ask for it: include=old/*"
    assert "not understood" in reason(Copy("x", "u", False, None, "balanced=a"))


def test_what_lacks_here_is_on_its_way_if_somebody_can_give_it() -> None:
    assert reason(HERE, LAPTOP, ARCHIVE) == "on its way"
    assert reason(HERE, LAPTOP, lag="the file here waits: content") == "the file here waits: content"


def test_what_lacks_here_names_who_has_it_and_cannot_be_reached() -> None:
    away = Copy("usb", "u3", True, True, trouble="nothing is there")
    assert reason(HERE, away) == "usb has it: nothing is there"
    assert reason(HERE, away, LAPTOP) == "on its way"
    assert reason(HERE, ARCHIVE) == "no copy is known to have it"


def test_a_copy_that_cannot_be_reached_says_why() -> None:
    assert reason(Copy("usb", "u3", None, True, trouble="paused"), LAPTOP) == "paused"
    assert reason(Copy("nas", "u4", False, True), LAPTOP) == "on its way"


_copies = st.builds(
    Copy,
    st.text(max_size=3),
    st.text(max_size=3),
    st.sampled_from([True, False, None]),
    st.sampled_from([True, False, None]),
    st.just("rule"),
    st.sampled_from(["", "away"]),
    st.booleans(),
)


@given(_copies, st.lists(_copies, max_size=3))
def test_whatever_is_not_as_it_should_be_has_a_reason(copy: Copy, others: list[Copy]) -> None:  # I29
    place = explain(copy, others)
    assert bool(place.reason) is not bool(copy.has)


def settled(*places: Place, kind: Kind = "annexed", reasons: list[str] | None = None) -> bool:
    return Why(path="x", kind=kind, places=list(places), reasons=reasons or []).is_settled


def test_it_is_settled_where_every_copy_is_as_it_should_be() -> None:  # I29
    assert settled(explain(LAPTOP, [HERE]), explain(ARCHIVE, []))
    assert not settled(explain(LAPTOP, []), explain(HERE, [LAPTOP]))
    assert not settled(explain(Copy("x", "u", False, None, "odd"), []))
    assert not settled(explain(LAPTOP, []), reasons=["it is open"])
    assert not settled(kind="nothing")
    assert settled(Place(name="here", has=True), kind="in git")
