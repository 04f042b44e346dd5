"""Starting is recovering: one look finds everything that is not as the branch and the index say."""

import os
import time

import pytest

from instep.core.pointers import pointer
from instep.core.types import RelPath
from instep.git.index_format import RawIndex
from instep.steps.pointers import PointerBook
from tests.steps.side import Side, SideMaker, big, p


def settle(side: Side) -> None:
    """git's index holds the branch, and is older than no file."""
    for path in side.folder.rglob("*"):
        if ".git" not in path.parts and path.is_file():
            os.utime(path, (1, 1))
    side.git("reset", "-q", "--mixed")
    side.git("update-index", "-q", "--refresh")


def test_an_empty_folder_is_ready(a: Side) -> None:
    assert a.state.head is None
    assert (a.opened.dirty, a.opened.missing) == (set(), {})


def test_what_is_as_it_was_is_not_read(side: SideMaker) -> None:  # I28
    a = side("a")
    a.write("d/one", "1")
    a.commit()
    settle(a)
    a = side("a")
    assert a.opened.dirty == set()


def test_what_changed_while_nobody_looked_is_dirty(side: SideMaker) -> None:  # I21
    a = side("a")
    for name in ("changed", "gone", "same"):
        a.save(name, name)
    settle(a)
    a.write("changed", "other!!")
    (a.folder / "gone").unlink()
    a.write("new", "new")
    a = side("a")
    assert a.opened.dirty == {p("changed"), p("gone"), p("new")}


def test_a_file_that_is_as_young_as_the_index_is_not_trusted(side: SideMaker) -> None:  # I1
    a = side("a")
    a.save("one", "1")
    a.git("reset", "-q", "--mixed")
    a.git("update-index", "-q", "--refresh")
    a.write("one", "2")
    a = side("a")
    assert a.opened.dirty == {p("one")}


def test_pointers_are_found_with_and_without_their_content(side: SideMaker) -> None:  # I7 I27
    a, b = side("a"), side("b")
    a.save("here.bin", big("here"))
    a.save("away.bin", big("away"))
    b.merge(a, contents=False)
    settle(b)  # git-annex, whom git asks, would fill in what is here
    b.get(a, a.key("here.bin"))
    b = side("b")
    assert b.opened.unpopulated == {p("here.bin")}
    assert b.opened.missing == {a.key("away.bin"): {p("away.bin")}}
    assert a.key("here.bin") in b.opened.present, "to be recorded, if that was not done before"  # I11


def test_what_was_written_aside_is_junk(side: SideMaker) -> None:  # I27
    a = side("a")
    os.makedirs(a.state.staging, exist_ok=True)
    (a.folder / ".git/instep/staging/junk").write_text("half")
    a = side("a")
    assert not (a.folder / ".git/instep/staging/junk").exists()


def test_a_pointer_that_is_a_persons_own_file_is_looked_at(a: Side, side: SideMaker) -> None:
    a.save("film.bin", big("film"))
    a.write("typed", pointer(a.key("film.bin")))
    a = side("a")
    assert p("typed") in a.opened.dirty


def test_without_a_branch_it_is_opened_where_it_stood(side: SideMaker) -> None:
    a = side("a")
    a.save("one", "1")
    head = a.head
    a.git("update-ref", "--no-deref", "HEAD", "HEAD")
    (a.folder / ".git/HEAD").write_text(head.hex() + "\n")
    b = Side.open(a.folder)
    assert b.state.branch == "main"
    assert b.state.head == head
    assert b.state.repo.refs.head_branch() is None


def test_a_socket_is_looked_at_and_a_repository_inside_is_not(side: SideMaker) -> None:  # I23
    a = side("a")
    os.mkfifo(a.folder / "pipe")
    a.git("init", "-q", "inner")
    a.write("inner/own", "own")
    a = side("a")
    assert a.opened.dirty == {p("pipe")}


def index_paths(side: Side) -> list[RelPath]:
    return [p(name) for name in side.git("ls-files").split()]


class TestPointerBook:
    """Small files are read for being pointers only where the book leaves a doubt."""

    @pytest.fixture
    def b(self, side: SideMaker) -> Side:
        """A settled folder with one pointer whose content is not here, and the book of it."""
        a, b = side("a"), side("b")
        a.save("film.bin", big("film"))
        a.save("note", pointer(a.key("film.bin")).upper())
        b.merge(a, contents=False)
        settle(b)
        PointerBook(b.state.repo).write(time.time(), [p("film.bin")])
        return b

    def test_names_them_all(self, b: Side) -> None:  # I28
        assert PointerBook(b.state.repo).suspects() == {p("film.bin")}

    def test_leaves_only_younger_files_in_doubt_when_the_index_is_another(self, b: Side) -> None:  # I7
        index = RawIndex((b.folder / ".git/index").read_bytes(), 20)
        seen = {path: os.stat(b.folder / os.fsdecode(path)).st_ctime_ns // 10**9 for path in index_paths(b)}
        assert set(index.changed_since(0)) == seen.keys()
        assert set(index.changed_since(max(seen.values()) + 1)) == set()
        PointerBook(b.state.repo).write(time.time(), [])
        os.utime(b.folder / ".git/index", (1, 1))
        assert PointerBook(b.state.repo).suspects() == seen.keys(), "all of them were just made"

    def test_says_nothing_when_the_clock_went_back(self, b: Side) -> None:  # I20
        PointerBook(b.state.repo).write(time.time() + 10**8, [])
        assert PointerBook(b.state.repo).suspects() is None

    def test_is_believed_at_the_start(self, b: Side, side: SideMaker) -> None:
        assert side("b").opened.missing.keys() == {b.key("film.bin")}
        PointerBook(b.state.repo).write(time.time(), [])
        assert side("b").opened.missing == {}
