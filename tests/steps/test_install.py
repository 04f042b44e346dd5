"""The work tree takes in a new tree: whole files, no edit lost, no name lost, no echo."""

import os
from dataclasses import dataclass, field

import pytest

from instep.core.pointers import key_of_pointer, link_target, pointer
from instep.core.types import MODE_EXEC, MODE_LINK, Change, Entry, Key, Object, Oid, RelPath
from instep.steps.install import AT_ONCE, Refusal
from instep.steps.lag import Cause
from tests.steps.side import Side, big, p


@dataclass
class Came:
    """What an installation reports."""

    wanted: dict[Key, set[RelPath]] = field(default_factory=dict[Key, set[RelPath]])
    stored: list[Key] = field(default_factory=list[Key])


@dataclass
class Trial:
    """One installation after another into a folder."""

    side: Side
    came: Came = field(default_factory=Came)
    objects: dict[Oid, Object] = field(default_factory=dict[Oid, Object])

    def blob(self, data: str | bytes, mode: int = 0o100644) -> Entry:
        """An entry that stands for this content."""
        data = data.encode() if isinstance(data, str) else data
        oid = self.side.state.repo.format.hash(b"blob", data)
        self.objects[oid] = Object(b"blob", data)
        return Entry(mode, oid)

    def bring(self, *changes: tuple[str, Entry | None, Entry | None]) -> list[Refusal]:
        self.came = Came()
        found = [Change(p(name), old, new) for name, old, new in changes]
        return self.side.installer.bring(found, self.objects, (), self.came)


@pytest.fixture
def trial(a: Side) -> Trial:
    return Trial(a)


def test_files_come_change_move_and_go(trial: Trial) -> None:  # I6
    one, two, run = trial.blob("1"), trial.blob("2"), trial.blob("#!", MODE_EXEC)
    assert trial.bring(("d/one", None, one), ("run", None, run)) == []
    assert trial.side.files() == {"d/one": b"1", "run": b"#!"}
    assert (trial.side.folder / "run").stat().st_mode & 0o111
    assert trial.bring(("d/one", one, two)) == []
    assert trial.bring(("d/one", two, None), ("e/one", None, two), ("run", run, None)) == []
    assert trial.side.files() == {"e/one": b"2"}
    assert not (trial.side.folder / "d").exists()


def test_what_was_installed_is_no_change(trial: Trial) -> None:  # I4
    one = trial.blob("1")
    trial.bring(("one", None, one), ("d/two", None, one), ("link", None, trial.blob("one", MODE_LINK)))
    done = trial.side.commit()
    assert sorted(change.path for change in done.changes) == [b"d/two", b"link", b"one"]
    with open(trial.side.folder / "one", "ab"):  # known by identity: not even read
        assert not trial.side.commit("one").still_open


def test_a_mode_alone_changes_in_place(trial: Trial) -> None:
    one = trial.blob("1")
    trial.bring(("one", None, one))
    before = (trial.side.folder / "one").stat().st_ino
    assert trial.bring(("one", one, Entry(MODE_EXEC, one.oid))) == []
    after = (trial.side.folder / "one").stat()
    assert (after.st_ino, after.st_mode & 0o100) == (before, 0o100)


def test_a_file_gives_way_to_a_directory_and_back(trial: Trial) -> None:
    one, two = trial.blob("1"), trial.blob("2")
    trial.bring(("x", None, one))
    assert trial.bring(("x", one, None), ("x/y", None, two)) == []
    assert trial.side.files() == {"x/y": b"2"}
    assert trial.bring(("x/y", two, None), ("x", None, one)) == []
    assert trial.side.files() == {"x": b"1"}


def test_two_files_change_names_with_each_other(trial: Trial) -> None:
    one, two = trial.blob("1"), trial.blob("2")
    trial.bring(("x", None, one), ("y", None, two))
    assert trial.bring(("x", one, two), ("y", two, one)) == []
    assert trial.side.files() == {"x": b"2", "y": b"1"}


@pytest.mark.parametrize("known", [True, False])
def test_an_edit_refuses_what_comes(trial: Trial, known: bool) -> None:  # I5
    one, two = trial.blob("1"), trial.blob("2")
    trial.bring(("changed", None, one), ("deleted", None, one), ("moved", None, one))
    for name in ("changed", "deleted", "moved"):
        trial.side.write(name, "mine")
        if not known:
            trial.side.state.known.forget(p(name))
    refused = trial.bring(
        ("changed", one, two), ("deleted", one, None), ("moved", one, None), ("target", None, one)
    )
    assert {r.change.path for r in refused} == {b"changed", b"deleted", b"moved"}
    assert all(r.edited for r in refused)
    mine = dict.fromkeys(("changed", "deleted", "moved"), b"mine")
    assert trial.side.files() == mine | {"target": b"1"}


def test_the_base_is_found_by_reading_where_it_is_not_known(trial: Trial) -> None:
    one, two = trial.blob("1"), trial.blob("2")
    trial.side.write("one", "1")
    assert trial.bring(("one", one, two)) == []
    assert trial.side.files() == {"one": b"2"}


def test_a_writer_keeps_its_file(trial: Trial) -> None:  # I5 I9
    one, two = trial.blob("1"), trial.blob("2")
    trial.bring(("one", None, one))
    with open(trial.side.folder / "one", "ab") as file:
        (refused,) = trial.bring(("one", one, two))
        file.write(b" and mine")
    assert refused.edited
    assert trial.side.files() == {"one": b"1 and mine"}


def test_a_new_file_never_replaces_one_that_nobody_told_of(trial: Trial) -> None:  # I5
    trial.side.write("one", "mine")
    (refused,) = trial.bring(("one", None, trial.blob("1")))
    assert refused.edited
    assert trial.side.files() == {"one": b"mine"}


def test_a_name_that_cannot_be_is_refused_and_the_others_come(trial: Trial) -> None:  # I3 I25
    one, long = trial.blob("1"), "x" * 256
    refused = trial.bring(("a", None, one), (long, None, one), (f"{long}/y", None, one), ("z", None, one))
    assert [(r.change.path, r.edited) for r in refused] == [(p(long), False), (p(f"{long}/y"), False)]
    assert trial.side.files() == {"a": b"1", "z": b"1"}


def test_a_new_name_does_not_wait_for_the_writer_of_the_old_one(trial: Trial) -> None:  # I5 I13
    one = trial.blob("1")
    trial.bring(("one", None, one))
    with open(trial.side.folder / "one", "r+b") as file:
        (refused,) = trial.bring(("one", one, None), ("two", None, one))
        assert (refused.change.path, refused.edited) == (p("one"), True)
        file.write(b"!")
    assert trial.side.files() == {"one": b"!", "two": b"1"}


def test_a_move_to_a_name_that_cannot_be_is_refused_on_both_ends(trial: Trial) -> None:  # I3
    one = trial.blob("1")
    trial.bring(("one", None, one))
    refused = trial.bring(("one", one, None), ("x" * 256, None, one))
    assert {r.change for r in refused} == {
        Change(p("one"), one, None),
        Change(p("x" * 256), None, one),
    }
    assert trial.side.files() == {"one": b"1"}


def test_nothing_is_written_through_a_linked_directory(trial: Trial) -> None:  # I23
    outside = trial.side.folder.parent / "outside"
    outside.mkdir()
    (trial.side.folder / "d").symlink_to(outside)
    (refused,) = trial.bring(("d/one", None, trial.blob("1")))
    assert refused.edited
    assert list(outside.iterdir()) == []


def test_empty_directories_make_room_and_full_ones_do_not(trial: Trial) -> None:  # I1
    (trial.side.folder / "x/y/z").mkdir(parents=True)
    trial.side.write("w/mine", "mine")
    one = trial.blob("1")
    (refused,) = trial.bring(("x", None, one), ("w", None, one))
    assert (refused.change.path, refused.edited) == (p("w"), True)
    assert trial.side.files() == {"x": b"1", "w/mine": b"mine"}


def test_removing_what_is_gone_already_is_done(trial: Trial) -> None:
    assert trial.bring(("gone", trial.blob("1"), None)) == []


def test_a_new_annexed_file_is_a_pointer_until_its_content_comes(a: Side, b: Side) -> None:  # I7
    a.save("film.bin", big("film"))
    key, entry = a.key("film.bin"), a.entry("film.bin")
    trial = Trial(b, objects=dict(b.arrival(a).objects))
    assert trial.bring(("film.bin", None, entry)) == []
    assert key_of_pointer(b.read("film.bin") or b"") == key
    assert trial.came.wanted == {key: {p("film.bin")}}
    b.get(a, key)
    assert trial.bring(("film.bin", entry, entry)) == []
    assert b.read("film.bin") == big("film")
    assert trial.came.wanted == {}


def test_a_changed_annexed_file_keeps_its_content_until_the_new_one_comes(a: Side, b: Side) -> None:  # I7
    a.save("film.bin", big("old"))
    b.merge(a)
    old = a.entry("film.bin")
    a.save("film.bin", big("new"))
    trial = Trial(b, objects=dict(b.arrival(a).objects))
    (refused,) = trial.bring(("film.bin", old, a.entry("film.bin")))
    assert (refused.cause, refused.edited) == (Cause.CONTENT, False)
    assert b.read("film.bin") == big("old")
    b.get(a, a.key("film.bin"))
    assert trial.bring(("film.bin", old, a.entry("film.bin"))) == []
    assert b.read("film.bin") == big("new")


def test_a_pointer_that_moves_is_wanted_at_its_new_name(a: Side, b: Side) -> None:  # I7
    a.save("film.bin", big("film"))
    key, entry = a.key("film.bin"), a.entry("film.bin")
    trial = Trial(b, objects=dict(b.arrival(a).objects))
    trial.bring(("film.bin", None, entry))
    trial.bring(("film.bin", entry, None), ("new.bin", None, entry))
    assert trial.came.wanted == {key: {p("new.bin")}}


@pytest.mark.parametrize("is_here", [False, True])
def test_a_pointer_that_git_wrote_again_and_that_gets_another_mode(a: Side, b: Side, is_here: bool) -> None:
    """I7 I16: nobody had looked at it before; from then on it is known."""
    a.save("film.bin", big("film"))
    key, entry = a.key("film.bin"), a.entry("film.bin")
    assert entry is not None
    b.merge(a, contents=is_here)
    (b.folder / "film.bin").unlink()
    b.write("film.bin", pointer(key))
    trial = Trial(b)
    assert trial.bring(("film.bin", entry, Entry(MODE_EXEC, entry.oid))) == []
    assert (b.folder / "film.bin").stat().st_mode & 0o100
    assert b.read("film.bin") == (big("film") if is_here else pointer(key))
    assert trial.came.wanted == ({} if is_here else {key: {p("film.bin")}})


def test_a_locked_file_whose_content_comes_along_is_not_asked_for(a: Side, b: Side) -> None:
    a.save("film.bin", big("film"))
    key = a.key("film.bin")
    trial = Trial(b)
    link = trial.blob(link_target(key, p("link")), MODE_LINK)
    came = Came()
    b.installer.bring([Change(p("link"), None, link)], trial.objects, [(key, big("film"))], came)
    assert (came.wanted, came.stored) == ({}, [key])
    assert b.read("link") == big("film")


def test_more_files_than_are_staged_at_once(trial: Trial) -> None:
    one = trial.blob("1")
    assert trial.bring(*((f"{number:05}", None, one) for number in range(AT_ONCE + 3))) == []
    assert len(trial.side.files()) == AT_ONCE + 3


def test_what_was_aside_is_gone_afterwards(trial: Trial) -> None:
    one = trial.blob("1")
    trial.side.write("a", "mine")
    trial.bring(("a", None, one), ("b", None, one))
    assert os.listdir(trial.side.state.staging) == []
