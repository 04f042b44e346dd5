"""Two heads become one, the same on both sides; nothing that a person did in between is lost."""

import os
from collections import deque
from dataclasses import replace

import pytest

from instep.core.tree import diff, encode_tree
from instep.core.types import MODE_TREE, Change, Entry, Object, Oid
from instep.git.refs import RefMoved
from instep.steps.arrival import Arrival
from instep.steps.committer import Committer
from instep.steps.lag import Cause
from instep.steps.merger import Merged, Merger
from tests.steps.crafted import commit_of, tree_of
from tests.steps.side import WHEN, Side, SideMaker, big, cross, met, p, same


def test_a_folder_without_a_commit_takes_what_comes(a: Side, b: Side) -> None:
    a.write("d/one", "1")
    a.save("film.bin", big("film"))
    a.commit()
    done = b.merge(a)
    assert done.head == a.head
    assert done.stored == [a.key("film.bin")]
    assert same(a, b) == {"d/one": b"1", "film.bin": big("film")}


def test_a_step_forward_needs_no_commit_of_its_own(a: Side, b: Side) -> None:  # I13
    met(a, b)
    a.save("start", "changed")
    head = a.head
    assert b.merge(a).head == head
    assert b.merge(a).head is None, "nothing new"
    assert same(a, b) == {"start": b"changed"}


def test_both_sides_make_the_same_commit(a: Side, b: Side) -> None:  # I14
    met(a, b)
    a.save("mine", "a")
    b.save("mine", "b")
    a.save("a", "1")
    b.save("b", "2")
    ours, theirs = b.arrival(a), a.arrival(b)
    a.merger.merge(theirs)
    b.merger.merge(ours)
    files = same(a, b)  # at once: no merge of their merges
    assert sorted(files.values()) == [b"1", b"2", b"a", b"b", b"start\n"]
    assert a.state.repo.objects.commit(a.head).parents == tuple(
        sorted(a.state.repo.objects.commit(a.head).parents)
    )


def test_two_that_never_met_become_one(a: Side, b: Side) -> None:  # I1
    a.save("same", "same")
    a.save("other", "a")
    b.save("same", "same")
    b.save("other", "b")
    cross(a, b)
    files = same(a, b)
    assert sorted(files.values()) == [b"a", b"b", b"same"]


def test_lines_of_both_sides_are_merged(a: Side, b: Side) -> None:
    met(a, b, "text", "1\n2\n3\n4\n5\n")
    a.save("text", "one\n2\n3\n4\n5\n")
    b.save("text", "1\n2\n3\n4\nfive\n")
    cross(a, b)
    assert same(a, b) == {"text": b"one\n2\n3\n4\nfive\n"}


def test_both_versions_of_an_annexed_file_are_kept(a: Side, b: Side) -> None:  # I1 I7
    met(a, b, "film.bin", big("film"))
    a.save("film.bin", big("mine"))
    b.save("film.bin", big("yours"))
    cross(a, b)
    files = same(a, b)
    assert sorted(files.values()) == sorted([big("mine"), big("yours")])
    assert "film.bin" not in files


def test_an_edit_beats_a_deletion_on_either_side(a: Side, b: Side) -> None:  # I5 I17
    met(a, b, "x", "1")
    met(a, b, "y", "1")
    a.save("x", "edited by a")
    (a.folder / "y").unlink()
    a.commit("y")
    (b.folder / "x").unlink()
    b.commit("x")
    b.save("y", "edited by b")
    cross(a, b)
    assert same(a, b) == {"x": b"edited by a", "y": b"edited by b"}


# -- what happens between reading and installing ------------------------------------------------------


def test_an_edit_that_nobody_told_of_is_committed_first(a: Side, b: Side) -> None:  # I1 I5
    met(a, b, "x", "1")
    a.save("x", "theirs")
    b.write("x", "mine")
    done = b.merge(a)
    assert len(done.local) == 1
    a.merge(b)
    files = same(a, b)
    assert sorted(files.values()) == [b"mine", b"theirs"]


def test_a_deletion_that_arrives_leaves_what_was_edited(a: Side, b: Side) -> None:  # I5
    met(a, b, "x", "1")
    (a.folder / "x").unlink()
    a.commit("x")
    b.write("x", "mine")
    b.merge(a)
    a.merge(b)
    assert same(a, b) == {"x": b"mine"}


def test_a_deletion_that_nobody_told_of_meets_a_change(a: Side, b: Side) -> None:  # I5
    met(a, b, "x", "1")
    a.save("x", "theirs")
    (b.folder / "x").unlink()
    b.merge(a)
    a.merge(b)
    assert same(a, b) == {"x": b"theirs"}


def test_an_ignored_file_in_the_way_is_kept(a: Side, b: Side) -> None:  # I1 I22
    met(a, b)
    b.write(".git/info/exclude", "x\n")
    b.state.ignore.forget()
    b.write("x", "mine")
    a.save("x", "theirs")
    b.merge(a)
    a.merge(b)
    files = same(a, b)
    assert sorted(files.values()) == [b"mine", b"start\n", b"theirs"]


def test_a_directory_in_the_way_stays_and_the_file_steps_aside(a: Side, b: Side) -> None:  # I1
    met(a, b)
    b.write("x/y/mine", "mine")
    a.save("x", "theirs")
    b.merge(a)
    a.merge(b)
    files = same(a, b)
    assert files["x/y/mine"] == b"mine"
    assert sorted(files.values()) == [b"mine", b"start\n", b"theirs"]


def test_a_writer_keeps_its_file_and_the_merge_goes_on(a: Side, b: Side) -> None:  # I5 I9
    met(a, b, "x", "1\n")
    a.save("x", "theirs\n")
    a.save("other", "2")
    with open(b.folder / "x", "ab") as file:
        done = b.merge(a)
        assert done.head == a.head
        assert done.edited == {p("x")}
        assert b.files() == {"x": b"1\n", "other": b"2"}
        lag = b.state.lag.get(p("x"))
        assert lag is not None
        assert lag.cause is Cause.BUSY
        file.write(b"mine\n")
        file.flush()
        assert b.commit("x").still_open == {p("x")}
    (fork,) = b.commit("x").forks
    assert fork in b.state.forks
    b.merger.merge(Arrival(fork, ""))
    assert not b.state.forks
    b.merger.retry(list(b.state.lag.paths))
    a.merge(b)
    files = same(a, b)
    assert sorted(files.values()) == sorted([b"1\nmine\n", b"theirs\n", b"2"])


def test_a_writer_that_changes_nothing_holds_nothing_up(a: Side, b: Side) -> None:
    met(a, b, "x", "1")
    a.save("x", "theirs")
    with open(b.folder / "x", "ab"):
        b.merge(a)
    assert b.commit("x").unchanged_lag == {p("x")}
    b.merger.retry([p("x")])
    assert same(a, b) == {"x": b"theirs"}


def test_an_edit_of_what_is_moved_meanwhile_goes_to_the_new_name(a: Side, b: Side) -> None:  # I5
    a.write("d/one", "1\n")
    a.write("d/two", "2\n")
    a.commit()
    b.merge(a)
    b.save("d/one", "1\nedited\n")
    os.rename(a.folder / "d", a.folder / "e")
    a.write(".git/info/exclude", "ignored\n")
    a.write("ignored", "a person's")
    a.state.ignore.forget()
    seen = {p("d"), p("e"), p("ignored")}  # and not committed yet
    done = Merger(a.state, a.committer, a.installer, lambda: seen).merge(a.arrival(b))
    assert len(done.local) == 1
    (a.folder / "ignored").unlink()
    b.merge(a)
    assert same(a, b) == {"e/one": b"1\nedited\n", "e/two": b"2\n"}


# -- names that can't be ------------------------------------------------------------------------------


def test_a_name_that_cannot_be_here_is_never_deleted_elsewhere(a: Side, side: SideMaker) -> None:  # I3
    a.save("start", "start")
    entries, objects = tree_of(a, **{"x" * 256: b"long", "short": b"1", "start": b"start"})
    head, objects = commit_of(a, entries, objects, a.head)
    done = a.merger.merge(Arrival(head, "there", objects))
    assert done.head == head
    assert a.files() == {"short": b"1", "start": b"start"}
    assert [lag.cause for lag in a.state.lag.paths.values()] == [Cause.BLOCKED]
    assert a.commit().commit is None
    assert a.commit("x" * 256).commit is None
    a.merger.retry(list(a.state.lag.paths))
    a.save("short", "2")
    assert "x" * 256 in a.names()
    a = side("a")  # and not after a start either
    assert a.committer.commit(a.committer.expand([p("")])).commit is None
    for path in a.opened.dirty:
        a.commit(os.fsdecode(path))
    assert "x" * 256 in a.names()
    a.fsck()


def test_a_directory_that_cannot_be_here_is_never_deleted_elsewhere(a: Side) -> None:  # I3
    a.save("start", "start")
    inner, objects = tree_of(a, one=b"1", two=b"2")
    tree = encode_tree(inner)
    oid = a.state.repo.format.hash(b"tree", tree)
    start = a.entry("start")
    assert start is not None
    entries = {b"start": start, b"x" * 256: Entry(MODE_TREE, oid)}
    head, objects = commit_of(a, entries, objects | {oid: Object(b"tree", tree)}, a.head)
    a.merger.merge(Arrival(head, "there", objects))
    assert len(a.state.lag.paths) == 2
    assert a.commit().commit is None
    assert a.commit("x" * 256).commit is None
    assert a.state.head == head


# -- dying in between ---------------------------------------------------------------------------------


def _changes(side: Side, target: Oid | None) -> list[Change]:
    return list(diff(side.state.tree, target, side.state.repo.objects.tree))


def test_killed_after_the_files_and_before_the_branch(a: Side, b: Side, side: SideMaker) -> None:  # I27
    met(a, b, "x", "1")
    met(a, b, "gone", "2")
    a.save("x", "theirs")
    a.save("d/film.bin", big("film"))
    (a.folder / "gone").unlink()
    a.commit("gone")
    arrival, target = b.arrival(a), a.state.tree
    b.state.repo.objects.remember(arrival.objects)
    assert b.installer.bring(_changes(b, target), arrival.objects, arrival.contents, Merged()) == []
    b = side("b")
    done = b.committer.commit(b.committer.expand([p("")]))
    assert done.commit is not None
    assert done.stored == [a.key("d/film.bin")]  # I11
    assert b.state.tree == a.state.tree
    cross(a, b)
    assert same(a, b) == {"x": b"theirs", "d/film.bin": big("film")}


def test_killed_half_way_through_the_files(a: Side, b: Side, side: SideMaker) -> None:  # I6 I27
    met(a, b, "x", "1")
    a.save("x", "theirs")
    a.save("y", "theirs too")
    arrival = b.arrival(a)
    b.state.repo.objects.remember(arrival.objects)
    changes = _changes(b, a.state.tree)
    assert b.installer.bring(changes[:1], arrival.objects, (), Merged()) == []
    b = side("b")
    b.committer.commit(b.committer.expand([p("")]))
    b.save("z", "mine")
    cross(a, b)
    assert same(a, b) == {"x": b"theirs", "y": b"theirs too", "z": b"mine"}


def test_what_lagged_is_known_at_the_next_start(a: Side, b: Side, side: SideMaker) -> None:  # I5 I27
    met(a, b, "film.bin", big("old"))
    a.save("film.bin", big("new"))
    b.merge(a, contents=False)
    b = side("b")
    assert b.opened.missing == {a.key("film.bin"): {p("film.bin")}}
    assert b.committer.commit(b.committer.expand([p("")])).commit is None
    b.get(a, a.key("film.bin"))
    b.merger.retry(list(b.state.lag.paths))
    assert same(a, b) == {"film.bin": big("new")}


def test_somebody_moved_the_branch_meanwhile(a: Side, b: Side) -> None:  # I27
    met(a, b)
    a.save("film.bin", big("film"))
    b.git("commit", "-q", "--allow-empty", "-m", "by hand")
    with pytest.raises(RefMoved):
        b.merge(a, contents=False)
    b.commit(*map(os.fsdecode, b.committer.follow_branch()))
    done = b.merge(a, contents=False)
    key = a.key("film.bin")
    assert done.wanted == {key: {p("film.bin")}}, "known or not, it has no content yet"
    a.merge(b)
    b.get(a, key)
    b.merger.retry([p("film.bin")])
    assert same(a, b) == {"start": b"start\n", "film.bin": big("film")}


# -- who joins equal trees ----------------------------------------------------------------------------


def test_of_two_heads_of_one_tree_one_side_alone_makes_one(a: Side, b: Side) -> None:  # I13
    met(a, b)
    a.save("x", "same")
    b.write("x", "same")
    Committer(b.state, lambda: WHEN + 1).commit(deque([p("x")]))
    assert a.state.tree == b.state.tree
    assert a.head != b.head
    to_a, to_b = a.arrival(b), b.arrival(a)
    assert a.merger.merge(replace(to_a, peer_joins=True)).head is None
    waiting = b.merger.merge(replace(to_b, peer_joins=False))
    assert waiting.postponed  # somebody else may do it in a moment (I19)
    assert waiting.head is None
    assert b.merger.merge(replace(to_b, peer_joins=False, ripe=True)).head is not None
    a.merger.merge(a.arrival(b))
    same(a, b)


def three_edits(a: Side, b: Side, c: Side) -> tuple[Arrival, Arrival]:
    """Each of three has one; then one side merged two of them, another all three, in its own order."""
    met(a, b)
    c.merge(a)
    for one in (a, b, c):
        one.save(one.folder.name, "its own")
    to_a = a.arrival(b)
    c.merge(b)
    c.merge(a)
    a.merger.merge(to_a)
    return a.arrival(c), c.arrival(a)


@pytest.mark.parametrize("peer_joins", [True, False])
def test_a_merge_gives_way_to_one_that_holds_more(
    a: Side, b: Side, side: SideMaker, peer_joins: bool
) -> None:  # I13
    c = side("c")
    to_a, to_c = three_edits(a, b, c)
    all_three = c.head
    assert a.merger.merge(replace(to_a, peer_joins=peer_joins)).head == all_three
    assert c.merger.merge(replace(to_c, peer_joins=not peer_joins)).head is None
    assert set(same(a, c)) == {"a", "b", "c", "start"}


def test_no_merge_gives_way_to_a_fetched_one(a: Side, b: Side, side: SideMaker) -> None:  # I30
    """Where no instep answers, only descendants are taken."""
    to_a, _ = three_edits(a, b, side("c"))
    ours = a.head
    merged = a.merger.merge(to_a).head
    assert merged is not None
    assert set(a.state.repo.objects.commit(merged).parents) == {ours, to_a.head}


def test_what_was_made_anew_knowing_of_its_deletion_stays(a: Side, b: Side) -> None:  # I5 I14
    """Both sides come from two commits of which one deleted the file; a person's merge kept it."""
    met(a, b)
    met(a, b, "kept", "as it was\n")
    a.save("one", "1")
    (b.folder / "kept").unlink()
    b.commit("kept")
    arrival = b.arrival(a)
    a.git("fetch", "-q", str(b.folder), "main")
    a.git("reset", "-q")
    a.git("merge", "-q", "--strategy=ours", "FETCH_HEAD")
    a.committer.follow_branch()
    b.merger.merge(arrival)
    assert b.read("kept") is None
    cross(a, b)
    assert same(a, b)["kept"] == b"as it was\n"


@pytest.mark.parametrize("turns", [[{"home", "home/x"}], [{"home"}, {"home/x"}]])
def test_a_busy_file_in_the_place_of_a_directory_goes_when_it_is_closed(
    a: Side, b: Side, turns: list[set[str]]
) -> None:  # I3 I13
    met(a, b, "home", "a file\n")
    (a.folder / "home").unlink()
    a.write("home/x", "x\n")
    a.commit()
    with open(b.folder / "home", "ab"):
        b.merge(a)
    assert b.state.lag.paths.keys() == {p("home"), p("home/x")}
    for turn in turns:
        b.merger.retry(map(p, turn))
    assert b.files() == {"home/x": b"x\n"}
    assert not b.state.lag
    assert b.commit().commit is None
