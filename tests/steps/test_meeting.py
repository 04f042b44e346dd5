"""Merges with several bases: both sides go on while they take in what the other had before."""

from collections.abc import Callable

import pytest

from instep.steps import meeting
from tests.steps.side import Side, SideMaker, big, cross, met, same


def go_on(a: Side, b: Side, number: int) -> None:
    """Each makes one more commit, and only then takes in the other's one before."""
    ours, theirs = b.arrival(a), a.arrival(b)
    a.save("more-a", f"{number}")
    b.save("more-b", f"{number}")
    a.merger.merge(theirs)
    b.merger.merge(ours)


def crossed(a: Side, b: Side, start: bytes | str, changed: bytes | str) -> None:
    """Both know that `a` changed `x`, and two commits are the best that they have in common."""
    met(a, b, "x", start)
    a.save("x", changed)
    b.save("y", "1")
    go_on(a, b, 0)
    ours, theirs = b.arrival(a), a.head
    b.state.repo.objects.write(ours.objects)
    assert len(b.git("merge-base", "--all", theirs.hex(), b.head.hex()).split()) == 2


def test_a_deletion_after_a_criss_cross_stays(a: Side, b: Side) -> None:  # I17
    crossed(a, b, "start\n", "changed\n")
    (a.folder / "x").unlink()
    a.commit("x")
    cross(a, b)
    assert sorted(same(a, b)) == ["more-a", "more-b", "y"]


@pytest.mark.parametrize("make", [str, big])
def test_an_edit_after_a_criss_cross_is_no_conflict(  # I14
    a: Side, b: Side, make: Callable[[str], bytes | str]
) -> None:
    crossed(a, b, make("start"), make("changed"))
    a.save("x", make("again"))
    done = b.merge(a)
    assert done.conflicts == []
    a.merge(b)
    assert same(a, b)["x"] in (b"again", big("again"))


def test_both_edit_after_a_criss_cross(a: Side, b: Side) -> None:  # I1 I14
    crossed(a, b, "1\n2\n3\n4\n5\n", "one\n2\n3\n4\n5\n")
    a.save("x", "one\n2\n3\n4\nfive\n")
    b.save("x", "ONE\n2\n3\n4\n5\n")
    cross(a, b)
    assert same(a, b)["x"] == b"ONE\n2\n3\n4\nfive\n"


def dialogue(a: Side, b: Side, rounds: int) -> None:
    """Neither ever waits for the other; `x` is a's alone."""
    met(a, b, "x", "start")
    a.save("x", "0")
    b.save("y", "0")
    for number in range(1, rounds):
        a.save("x", f"{number}")
        go_on(a, b, number)


@pytest.mark.parametrize("levels", [2, 32])
def test_a_long_dialogue(a: Side, b: Side, levels: int) -> None:  # I1 I13 I14
    """However far back is looked: both come to the same, and nothing is lost."""
    deep, meeting.MOST_LEVELS = meeting.MOST_LEVELS, levels
    try:
        dialogue(a, b, 6)
        a.save("x", "last")
        cross(a, b)
    finally:
        meeting.MOST_LEVELS = deep
    files = same(a, b)
    assert b"last" in files.values()
    if levels == deep:
        assert files == {"x": b"last", "y": b"0", "more-a": b"5", "more-b": b"5"}


def test_what_all_removed_does_not_come_back(side: SideMaker) -> None:  # I14 I17
    """Three make a file of the same name, as editors do beside the one that is open, and remove it: not even
    where one of them, who had not heard of it yet, met two of these files at once."""
    a, b, c = (side(name) for name in "abc")
    met(a, b, "x", "start\n")
    c.merge(a)
    for one in (a, b, c):
        one.save("lock", f"of {one.folder.name}")
    c.merge(a)
    c.merge(b)
    assert c.read("lock") == b"of b"
    for one in (a, b):
        (one.folder / "lock").unlink()
        one.commit("lock")
    a.merge(b)
    a.merge(c)
    for one in (b, c):
        one.merge(a)
    assert "lock" not in same(a, b)
    assert same(b, c).keys() - {"x"} <= {name for name in c.files() if ".variant-" in name}
    assert b"of c" in same(a, c).values()


def test_three_that_go_on(side: SideMaker) -> None:  # I14 I17 I19
    a, b, c = (side(name) for name in "abc")
    sides = (a, b, c)
    met(a, b, "x", "start\n")
    c.merge(a)
    for number in range(3):
        arrivals = [(one, one.arrival(other)) for one in sides for other in sides if one is not other]
        for one in sides:
            one.save(f"of-{one.folder.name}", f"{number}")
        a.save("x", f"{number}\n")
        for one, arrival in arrivals:
            one.merger.merge(arrival)
    (a.folder / "x").unlink()
    a.commit("x")
    for one in (b, c):
        one.merge(a)
    for one in (c, b, a):
        for other in sides:
            one.merge(other)
    assert a.head == b.head == c.head
    assert same(a, b) == same(b, c) == {"of-a": b"2", "of-b": b"2", "of-c": b"2"}
