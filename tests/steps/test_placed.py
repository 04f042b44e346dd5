"""What an attempt at a merge put into the work tree is known to the next attempt, which may come to another
tree."""

import pytest

from instep.core.types import Entry, Oid, RelPath
from instep.git.refs import RefMoved
from instep.steps.committer import Committed
from instep.steps.placed import Placed
from tests.steps.side import Side, lag_behind, p


def test_a_variant_of_an_earlier_attempt_does_not_stay(a: Side, b: Side) -> None:  # I4 I13
    a.save("x", "start\n")
    b.merge(a)
    b.save("x", "theirs\n")
    a.save("x", "ours\n")
    a.write("x", "theirs\n")  # not seen yet when the other's commit comes
    done = a.merge(b)
    assert len(done.local) == 1
    assert a.files() == {"x": b"theirs\n"}
    assert a.names() == ["x"]
    assert a.commit().commit is None


def test_what_is_taken_back_lags_no_more(a: Side, b: Side, monkeypatch: pytest.MonkeyPatch) -> None:  # I5
    """An attempt finds a lagging file as it would bring it, and is given up before anything is noted."""
    a.save("edited", "1\n")
    lag_behind(a, b)
    known = b.arrival(a)
    a.save("x", "1\n")
    a.save("edited", "2\n")
    b.write("edited", "3\n")
    with monkeypatch.context() as patch:
        patch.setattr(b.committer, "commit", refuse)
        with pytest.raises(RefMoved):
            b.merge(a)
    b.merger.merge(known)
    assert b.read("x") == b"theirs\n", "what the branch has"
    b.merge(a)
    assert b.read("x") == b"1\n"
    assert not b.state.lag


def refuse(*_: object, **__: object) -> Committed:
    raise RefMoved("", None, None)


def placed_one(a: Side) -> tuple[Placed, RelPath, Entry, Oid]:
    """`x` was put in place, and the branch has it."""
    a.save("x", "1")
    entry, tree = a.entry("x"), a.state.tree
    assert entry is not None
    assert tree is not None
    placed = Placed(a.state)
    placed.note({p("x"): entry})
    return placed, p("x"), entry, tree


def test_what_stands_and_is_not_to_be_is_taken_back(a: Side) -> None:
    placed, path, entry, _ = placed_one(a)
    empty = a.state.repo.format.empty_tree
    (change,) = placed.correct([], empty)
    assert (change.path, change.old, change.new) == (path, entry, None)


def test_what_stands_and_is_to_be_is_left_alone(a: Side) -> None:
    placed, _, _, tree = placed_one(a)
    assert placed.correct([], tree) == []


def test_what_was_edited_since_is_a_persons(a: Side) -> None:  # I5
    placed, _, _, _ = placed_one(a)
    a.write("x", "a person's")
    assert placed.correct([], a.state.repo.format.empty_tree) == []
