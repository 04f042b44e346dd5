"""A start that need not look for what was known when the folder was settled, and finds all that is not so."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from instep.fs.listed import MARGIN_NS
from tests.steps.side import Side, SideMaker, p
from tests.steps.test_start import settle


@pytest.fixture
def tmp_path(exact_disk: Path) -> Path:
    return exact_disk


@pytest.fixture
def settled(side: SideMaker) -> Side:
    """Some files in directories, committed and noted."""
    a = side("a")
    for name in ("one", "d/two", "d/e/three", "d/.gitignore"):
        a.save(name, "*.tmp\n")
    a.write("d/e/ignored.tmp", "1")
    a.write(".git/info/exclude", "*.out\n")
    a.write("out/ignored.out", "1")
    settle(a)
    a = side("a")
    assert a.opened.dirty == set()
    note(a)
    return a


def note(side: Side) -> None:
    """As if it had been quiet for a while."""
    side.opened.settled.write(time.time_ns() + 2 * MARGIN_NS)


def is_noted(side: Side) -> bool:
    return side.opened.watcher.all_as_listed


def test_a_settled_folder_is_known_to_be(settled: Side, side: SideMaker) -> None:  # I28
    a = side("a")
    assert is_noted(a)
    assert a.opened.settled.holds()
    assert a.opened.dirty == set()


CHANGES: dict[str, tuple[Callable[[Side], object], set[str]]] = {
    "a file's content": (lambda a: a.write("d/two", "changed"), {"d/two"}),
    "a new file": (lambda a: a.write("d/e/new", "new"), {"d/e/new"}),
    "a new directory": (lambda a: a.write("d/f/new", "new"), {"d/f/new"}),
    "a file is gone": (lambda a: (a.folder / "one").unlink(), {"one"}),
    "an executable": (lambda a: (a.folder / "one").chmod(0o755), {"one"}),
    "a file that git is to forget": (lambda a: a.git("rm", "-q", "--cached", "d/two"), {"d/two"}),
    "a file that a person staged": (lambda a: [a.write("new", "1"), a.git("add", "new")], {"new"}),
    "staged, and put back": (
        lambda a: [a.write("one", "other"), a.git("add", "one"), a.write("one", "*.tmp\n")],
        {"one"},
    ),
    "what was ignored in a directory": (
        lambda a: a.write("d/.gitignore", "*.xyz\n"),
        {"d/.gitignore", "d/e/ignored.tmp"},
    ),
    "what was ignored everywhere": (lambda a: a.write(".git/info/exclude", ""), {"out/ignored.out"}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_while_nobody_looked_is_dirty(settled: Side, side: SideMaker, change: str) -> None:
    """I21"""
    settled.close()
    do, dirty = CHANGES[change]
    do(settled)
    assert side("a").opened.dirty == {p(name) for name in dirty}


def test_a_person_who_commits_moves_the_tree(settled: Side, side: SideMaker) -> None:  # I27
    settled.close()
    settled.git("rm", "-q", "--cached", "d/two")
    settled.git("commit", "-qm", "forget")
    a = side("a")
    assert not a.opened.settled.holds()
    assert a.opened.dirty == {p("d/two")}


def test_an_index_that_changes_while_git_compares(settled: Side, side: SideMaker) -> None:  # I27
    a = side("a")
    assert is_noted(a)
    a.git("rm", "-q", "--cached", "d/two")
    a.opened.compare()
    assert a.opened.dirty == {p("d/two")}


def test_what_git_does_not_know_is_not_noted(side: SideMaker) -> None:  # I21
    a = side("a")
    a.save("one", "1")
    settle(a)
    a.write("new", "1")
    note(a)
    assert not is_noted(side("a"))


def test_after_a_power_cut_all_is_looked_at(settled: Side) -> None:  # I8
    settled.close()
    (settled.folder / ".git/instep/running").write_text("another boot")
    again = Side.open(settled.folder)
    assert not is_noted(again)
    again.close()


def test_a_torn_book_is_none(settled: Side, side: SideMaker) -> None:  # I27
    book = settled.folder / ".git/instep/settled"
    os.truncate(book, book.stat().st_size // 2)
    a = side("a")
    assert not is_noted(a)
    assert a.opened.dirty == set()
