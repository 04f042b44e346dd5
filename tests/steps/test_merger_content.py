"""A merge and the content of annexed files: none is taken away before the new one is here, and what is here
comes to its place."""

import os

from instep.core.pointers import key_of_pointer
from instep.steps.arrival import Arrival
from instep.steps.lag import Cause
from tests.steps.side import Side, big, met, p, same


def test_a_film_that_changed_stays_until_the_new_one_is_here(a: Side, b: Side) -> None:  # I7
    met(a, b, "film.bin", big("old"))
    a.save("film.bin", big("new"))
    key = a.key("film.bin")
    done = b.merge(a, contents=False)
    assert done.wanted == {key: {p("film.bin")}}
    assert b.read("film.bin") == big("old")
    assert b.commit().commit is None, "it is no edit"  # I4 I5
    b.get(a, key)
    b.merger.retry([p("film.bin")])
    assert same(a, b) == {"film.bin": big("new")}


def test_a_pointer_that_some_program_has_open_lags(a: Side, b: Side) -> None:  # I7 I29
    met(a, b)
    a.save("film.bin", big("film"))
    b.merge(a, contents=False)
    b.get(a, a.key("film.bin"))
    with open(b.folder / "film.bin", "ab"):
        b.merger.retry([p("film.bin")])
        assert b.state.lag.paths[p("film.bin")].cause is Cause.POINTER
        b.save("other", "2")
        a.merge(b)
        a.save("other", "3")
        b.merge(a)
        assert p("film.bin") in b.state.lag, "whatever else is merged"
        assert b.commit("film.bin").still_open == {p("film.bin")}
    assert b.commit("film.bin").unchanged_lag == {p("film.bin")}
    b.merger.retry([p("film.bin")])
    assert same(a, b) == {"start": b"start\n", "film.bin": big("film"), "other": b"3"}


def test_a_pointer_that_was_there_before_the_branch_has_it_gets_its_content(a: Side, b: Side) -> None:  # I7
    met(a, b)
    start = a.head
    a.save("film.bin", big("film"))
    b.merge(a, contents=False)
    b.get(a, key := a.key("film.bin"))
    b.git("update-ref", "refs/heads/main", start.hex())
    b.state.head = start
    done = b.merge(a, contents=False)
    assert done.head == a.head
    assert done.wanted == {key: {p("film.bin")}}
    b.merger.retry([p("film.bin")])
    assert same(a, b)["film.bin"] == big("film")


def test_an_edit_of_a_film_whose_new_version_has_not_come_is_a_conflict(a: Side, b: Side) -> None:  # I1 I5
    met(a, b, "film.bin", big("old"))
    a.save("film.bin", big("new"))
    key = a.key("film.bin")
    b.merge(a, contents=False)
    (fork,) = b.save("film.bin", big("mine")).forks
    done = b.merger.merge(Arrival(fork, ""))
    assert [conflict.path for conflict in done.conflicts] == [b"film.bin"]
    b.get(a, key)
    b.merger.retry({path for paths in done.wanted.values() for path in paths})
    a.merge(b)
    files = same(a, b)
    assert sorted(files.values()) == sorted([big("new"), big("mine")])


def test_a_new_film_is_a_pointer_that_can_be_moved_before_it_comes(a: Side, b: Side) -> None:  # I7
    met(a, b)
    a.save("film.bin", big("film"))
    key = a.key("film.bin")
    b.merge(a, contents=False)
    assert key_of_pointer(b.read("film.bin") or b"") == key
    assert b.commit().commit is None
    os.rename(b.folder / "film.bin", b.folder / "moved.bin")
    done = b.commit("film.bin", "moved.bin")
    assert done.wanted == {key: {p("moved.bin")}}
    b.get(a, key)
    b.merger.retry([p("moved.bin")])
    a.merge(b)
    assert same(a, b)["moved.bin"] == big("film")


def test_a_film_that_is_in_its_place_stays_known(a: Side, b: Side) -> None:  # I4 I30
    met(a, b, "film.bin", big("film"))
    b.merger.retry([p("film.bin")])
    assert b.state.known.identity(p("film.bin")) is not None


def test_a_film_that_comes_while_its_pointer_is_away(a: Side, b: Side) -> None:  # I7
    met(a, b)
    a.save("d/film.bin", big("film"))
    b.merge(a, contents=False)
    (b.folder / "d").rename(b.folder / "away")
    b.get(a, key := a.key("d/film.bin"))
    b.merger.retry([p("d/film.bin")])
    (b.folder / "away").rename(b.folder / "d")
    assert b.commit("d/film.bin").wanted == {key: {p("d/film.bin")}}
    b.merger.retry([p("d/film.bin")])
    assert same(a, b)["d/film.bin"] == big("film")


def test_a_moved_film_comes_to_its_new_name(a: Side, b: Side) -> None:  # I7
    met(a, b)
    a.save("film.bin", big("film"))
    key = a.key("film.bin")
    b.merge(a, contents=False)
    os.rename(a.folder / "film.bin", a.folder / "moved.bin")
    a.commit("film.bin", "moved.bin")
    done = b.merge(a, contents=False)
    assert done.wanted == {key: {p("moved.bin")}}


def test_a_lagging_file_whose_mode_was_changed_follows_once_the_content_is_here(a: Side, b: Side) -> None:
    """It is still the file that it was said to be, only its identity is another one."""  # I5 I13
    met(a, b, "film.bin", big("old"))
    a.save("film.bin", big("new"))
    b.merge(a, contents=False)
    (b.folder / "film.bin").chmod(0o755)
    (fork,) = b.commit("film.bin").forks
    b.merger.merge(Arrival(fork, ""))
    b.get(a, a.key("film.bin"))
    b.merger.retry([p("film.bin")])
    a.merge(b)
    assert same(a, b) == {"film.bin": big("new")}
    assert (b.folder / "film.bin").stat().st_mode & 0o100
