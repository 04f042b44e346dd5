"""What a person's git puts back, and what is an edit. # I5 I17 I27"""

import time

import anyio
import pytest

from instep.steps import crossed
from tests.steps.side import Side, met


class Crossing:
    """A folder into which a merge came just after a person's git had looked where it begins."""

    def __init__(self, a: Side, b: Side) -> None:
        met(a, b, "file", "old")
        self.b, self.before = b, b.head
        a.save("file", "new")
        b.state.crossed.begin()
        b.merge(a)
        self.merged = b.head
        assert b.read("file") == b"new"

    def says_where_it_begins(self) -> None:
        (self.b.folder / ".git/ORIG_HEAD").write_text(f"{self.before.hex()}\n")

    def puts_back(self) -> None:
        """As git does that gives up a merge."""
        assert self.before is not None
        self.b.git("read-tree", "--reset", "-u", self.before.hex())
        assert self.b.read("file") == b"old"

    def is_over(self) -> None:
        """The folder's writer has its next turn."""
        anyio.run(self.b.state.turns.wait)
        self.b.state.crossed.begin()


@pytest.fixture
def crossing(a: Side, b: Side, monkeypatch: pytest.MonkeyPatch) -> Crossing:
    """However slow this machine is."""
    monkeypatch.setattr(crossed, "BEGINS_BEFORE_S", 60.0)
    return Crossing(a, b)


def test_what_came_in_is_put_there_again(crossing: Crossing) -> None:
    b = crossing.b
    crossing.says_where_it_begins()
    crossing.puts_back()
    crossing.is_over()
    done = b.commit("file")
    assert (done.commit, done.unchanged_lag) == (None, {b"file"})
    b.merger.retry(done.unchanged_lag)
    assert (b.head, b.read("file")) == (crossing.merged, b"new")
    assert not b.state.lag


@pytest.mark.parametrize("seen", [False, True])
def test_it_may_be_the_first_of_several_merges_that_gives_up(crossing: Crossing, seen: bool) -> None:
    """As in `git annex sync`, which merges two branches of each remote."""
    crossing.says_where_it_begins()
    crossing.puts_back()
    time.sleep(0.05)  # ORIG_HEAD has another time then
    if seen:
        crossing.is_over()
    crossing.says_where_it_begins()
    crossing.is_over()
    assert crossing.b.commit("file").unchanged_lag == {b"file"}


def test_what_is_edited_before_it_is_there_again_is_merged(crossing: Crossing) -> None:
    b = crossing.b
    crossing.says_where_it_begins()
    crossing.puts_back()
    crossing.is_over()
    b.commit("file")
    b.write("file", "old and edited")
    done = b.commit("file")
    (fork,) = done.forks
    assert b.state.repo.objects.commit(fork).parents == (crossing.before,)


def test_once_it_is_over_the_old_version_is_an_edit(crossing: Crossing) -> None:
    b = crossing.b
    crossing.says_where_it_begins()
    crossing.is_over()
    time.sleep(0.05)  # the clock of files is one tick behind
    b.write("file", "old")
    assert b.commit("file").commit == b.head != crossing.merged


def test_whoever_undoes_it_again_means_it(crossing: Crossing) -> None:
    b = crossing.b
    crossing.says_where_it_begins()
    crossing.puts_back()
    crossing.is_over()
    b.merger.retry(b.commit("file").unchanged_lag)
    b.write("file", "old")
    assert b.commit("file").commit == b.head != crossing.merged


def test_another_version_is_an_edit(crossing: Crossing) -> None:
    b = crossing.b
    crossing.says_where_it_begins()
    b.write("file", "edited")
    crossing.is_over()
    assert b.commit("file").commit == b.head != crossing.merged


def test_without_a_git_the_old_version_is_an_edit(crossing: Crossing) -> None:
    b = crossing.b
    b.write("file", "old")
    crossing.is_over()
    assert b.commit("file").commit == b.head != crossing.merged


def test_a_git_that_begins_later_puts_back_nothing_of_it(
    crossing: Crossing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crossed, "BEGINS_BEFORE_S", 0.01)
    b = crossing.b
    time.sleep(0.05)
    crossing.says_where_it_begins()
    b.write("file", "old")
    crossing.is_over()
    assert b.commit("file").commit == b.head != crossing.merged
