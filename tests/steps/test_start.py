"""Starting is recovering: one look finds everything that is not as the branch and the index say."""

import os

import pytest

from instep.core.errors import InstepError
from instep.core.pointers import pointer
from instep.steps.start import REMEMBER_BYTES
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
    a.write("large", b"x" * REMEMBER_BYTES)
    a.commit()
    settle(a)
    a = side("a")
    assert a.opened.dirty == set()
    assert a.state.known.identity(p("large")) is not None


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


def test_no_branch_no_start(side: SideMaker) -> None:
    a = side("a")
    a.save("one", "1")
    a.git("update-ref", "--no-deref", "HEAD", "HEAD")
    (a.folder / ".git/HEAD").write_text(a.head.hex() + "\n")
    with pytest.raises(InstepError, match="No branch is checked out"):
        Side.open(a.folder)
