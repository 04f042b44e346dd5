"""I3 I24: what a disk has no place for lags, and is never taken for deleted, nor one name for another."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from instep.steps.lag import Cause
from instep.steps.spellings import Spellings
from tests.steps.side import Side, SideMaker, p
from tests.system.folding import FoldingDisk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[str]:
    """The name of a directory, for a side to be in."""
    disk = FoldingDisk(tmp_path / "disk")
    yield "disk"
    disk.close()


@pytest.fixture
def pair(disk: str, side: SideMaker) -> tuple[Side, Side]:
    """One on an ordinary disk, and one on a disk that folds names."""
    return side("a"), side(f"{disk}/b")


def test_only_one_is_there_and_both_are_recorded(pair: tuple[Side, Side]) -> None:
    a, b = pair
    a.write("Foo", "one")
    a.write("foo", "other")
    a.commit()
    b.merge(a)
    (lagging,) = b.state.lag.paths
    assert b.state.lag.paths[lagging].cause is Cause.BLOCKED
    b.commit("Foo", "foo")
    assert b.state.head == a.state.head


def test_an_edit_by_either_name_is_of_the_one_that_is_there(pair: tuple[Side, Side]) -> None:
    a, b = pair
    a.write("Foo", "one")
    a.commit()
    b.merge(a)
    a.write("foo", "other")
    a.commit()
    b.merge(a)
    b.write("FOO", "edited")
    done = b.commit("FOO")
    assert [change.path for change in done.changes] == [p("Foo")]
    assert Spellings(b.state).others(p("FOO")) == {p("Foo"), p("foo")}
    assert Spellings(a.state).others(p("FOO")) == set()


def test_a_clone_that_git_made_misses_nothing(pair: tuple[Side, Side]) -> None:
    _, b = pair
    b.write("Foo", "one")
    b.commit()
    tree = b.state.tree
    assert tree is not None
    assert not Spellings(b.state).has_no_place(p("Foo"))
    (b.folder / "Foo").rename(b.folder / "foo")
    assert not Spellings(b.state).has_no_place(p("Foo")), "it was renamed: the new name is not recorded"
    b.commit("foo")
    assert sorted(b.names()) == ["foo"]
