"""What an attempt at a merge put into the work tree is known to the next attempt, which may come to another
tree."""

import pytest

from instep.core.types import Change, Entry, Oid, RelPath
from instep.git.refs import RefMoved
from instep.steps.committer import Committed
from instep.steps.install import Refusal
from instep.steps.lag import Cause
from instep.steps.placed import Placed
from tests.steps.side import Side, big, lag_behind, p


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


def test_what_can_not_be_taken_back_yet_lags(
    a: Side, b: Side, monkeypatch: pytest.MonkeyPatch
) -> None:  # I7 I13
    """An attempt puts a version in the place of a pointer; the next one wants the pointer's, and is given up
    too."""
    a.save("edited", "1\n")
    a.save("film.bin", big("film"))
    b.merge(a, contents=False)
    b.write("edited", "3\n")
    with monkeypatch.context() as patch:
        patch.setattr(b.committer, "commit", refuse)
        for data in ("small\n", big("film")):
            a.save("film.bin", data)
            a.save("edited", f"{len(data)}\n")
            with pytest.raises(RefMoved):
                b.merge(a, contents=False)
            assert b.read("film.bin") == b"small\n"
    b.merge(a, contents=False)
    assert p("film.bin") in b.state.lag
    b.get(a, a.key("film.bin"))
    b.merger.retry([p("film.bin")])
    assert b.read("film.bin") == big("film")
    assert not b.state.lag


def lagging_film(a: Side, b: Side) -> bytes:
    """Content that b has of a film of which a has a newer version, but for the content; and both an `edited`
    that is edited in b."""
    film = big("old film")
    a.save("film.bin", film)
    a.save("edited", "1\n")
    b.merge(a)
    a.save("film.bin", big("new film"))
    b.merge(a, contents=False)
    assert b.read("film.bin") == film
    b.write("edited", "3\n")
    return film


def test_what_attempts_bring_to_a_lagging_file_is_what_it_has(
    a: Side, b: Side, monkeypatch: pytest.MonkeyPatch
) -> None:  # I13 I29
    """One attempt at a merge changes the file, the next one takes that back, the third leaves it as it is."""
    old = lagging_film(a, b)
    new = a.key("film.bin")
    with monkeypatch.context() as patch:
        patch.setattr(b.committer, "commit", refuse)
        for data in (b"small\n", big("new film")):
            a.save("film.bin", data)
            a.save("edited", f"{len(data)}\n")
            with pytest.raises(RefMoved):
                b.merge(a, contents=False)
            assert b.read("film.bin") == data
            if not b.state.store.has(new):
                b.get(a, new)
    b.merge(a, contents=False)
    assert not b.state.lag
    a.save("film.bin", old)
    b.merge(a)
    assert b.read("film.bin") == old


def test_what_an_attempt_brings_to_a_lagging_file_is_no_edit(
    a: Side, b: Side, monkeypatch: pytest.MonkeyPatch
) -> None:  # I4
    """What is missing may have been moved, so whatever else was told of is looked at, too."""
    lagging_film(a, b)
    (b.folder / "edited").unlink()
    a.save("film.bin", "small\n")
    a.save("edited", "2\n")
    monkeypatch.setattr(b.merger, "_seen", lambda: {p("film.bin")})
    done = b.merge(a)
    assert [local.forks for local in done.local] == [[]]
    assert b.read("film.bin") == b"small\n"
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
    change = Change(p("x"), None, entry)
    placed.begin([change])
    placed.brought([change], [])
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


def test_what_could_not_be_taken_back_is_what_stands(a: Side) -> None:
    placed, path, entry, _ = placed_one(a)
    other = Change(path, entry, Entry(entry.mode, a.state.repo.format.hash(b"blob", b"other")))
    placed.begin([other])
    placed.brought([other], [Refusal(other, Cause.CONTENT)])
    assert placed.correct([], a.state.repo.format.empty_tree) == [Change(path, entry, None)]


@pytest.mark.parametrize("data", ["1", "2"])
def test_of_an_attempt_that_was_cut_short_it_counts_what_stands(a: Side, data: str) -> None:
    placed, path, entry, _ = placed_one(a)
    a.save("x", data)
    now = a.entry("x")
    placed.begin([Change(path, entry, Entry(entry.mode, a.state.repo.format.hash(b"blob", b"2")))])
    assert placed.correct([], a.state.repo.format.empty_tree) == [Change(path, now, None)]
