"""A process that was killed in the midst of a merge is followed by one that goes on with it. # I17 I27"""

from collections.abc import Callable
from itertools import count

import pytest

from instep.core.types import Change, RelPath
from instep.fs.crash import Point
from instep.steps.arrival import Arrival
from instep.steps.merger import Merged
from instep.steps.underway import Resumed
from tests.steps.side import Side, SideMaker, big, met, p


class Killed(BaseException):
    """Nothing catches it."""


Kill = Callable[..., Side]


@pytest.fixture
def killed(side: SideMaker, monkeypatch: pytest.MonkeyPatch) -> Kill:
    """`killed(b, a, 2)`: b, started again, after it was killed at the third point on its way to a's head."""

    def kill(b: Side, a: Side, after: int = 1000) -> Side:
        points = count()

        def passed(point: Point) -> None:
            if next(points) == after or point is Point.INSTALLED:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr("instep.fs.install.passed", passed)
            patch.setattr("instep.steps.merger.passed", passed)
            with pytest.raises(Killed):
                b.merge(a)
        return side("b")

    return kill


def resumed(b: Side) -> Resumed:
    found = b.opened.resumed
    assert found is not None
    return found


def resume(b: Side) -> Merged:
    """As a folder that starts does it."""
    b.merger.resume(resumed(b).changes)
    return b.merger.merge(Arrival(resumed(b).head, ""))


def work(a: Side, b: Side) -> set[bytes]:
    """The paths that change."""
    met(a, b, "edited", "1\n")
    for name in ("gone", "moved"):
        a.save(name, f"{name}\n")
    a.save("film.bin", big("old film"))
    b.merge(a)
    a.save("edited", "2\n")
    a.save("film.bin", big("new film"))
    a.save("new", "new\n")
    (a.folder / "gone").unlink()
    (a.folder / "moved").rename(a.folder / "moved to")
    a.commit()
    return {b"edited", b"gone", b"moved", b"moved to", b"film.bin", b"new"}


@pytest.mark.parametrize("after", range(9))
def test_it_comes_to_the_same(a: Side, b: Side, killed: Kill, after: int) -> None:
    paths = work(a, b)
    b = killed(b, a, after)
    there = {change.path for change in b.opened.resumed.changes} if b.opened.resumed else set[RelPath]()
    assert there <= paths
    assert not there & b.opened.dirty
    done = resume(b) if there else b.merge(a)
    assert (b.head, b.files(), done.local) == (a.head, a.files(), [])
    b.fsck()
    assert b.commit().commit is None  # I4


@pytest.mark.parametrize("after", [1, 2, 1000])
def test_what_was_deleted_since_does_not_come_back(a: Side, b: Side, killed: Kill, after: int) -> None:
    met(a, b)
    for name in ("one", "two", "three"):
        a.write(name, f"{name}\n")
    a.commit()
    b = killed(b, a, after)
    for name in ("one", "two", "three"):
        (a.folder / name).unlink()
    a.commit()
    resume(b)
    b.merge(a)
    a.merge(b)
    assert b.files() == a.files() == {"start": b"start\n"}
    assert a.head == b.head


def test_a_conflict_is_told_of(a: Side, b: Side, killed: Kill) -> None:  # I29
    met(a, b, "x", "start\n")
    a.save("x", "ours\n")
    b.save("x", "theirs\n")
    b = killed(b, a)
    assert [conflict.path for conflict in resume(b).conflicts] == [b"x"]


def test_what_was_edited_since_is_an_edit(a: Side, b: Side, killed: Kill) -> None:  # I1 I5
    work(a, b)
    b = killed(b, a)
    b.close()
    b.write("new", "mine\n")
    b.write("edited", "mine\n")
    b = Side.open(b.folder)
    assert b.opened.dirty >= {p("new"), p("edited")}
    resume(b)
    b.commit()
    assert {b"mine\n", b"new\n", b"2\n"} <= set(b.files().values())
    b.close()


def test_once_the_branch_has_moved_there_is_nothing_to_go_on_with(a: Side, b: Side, side: SideMaker) -> None:
    work(a, b)
    b.merge(a)
    b.write("edited", "1\n")
    b = side("b")
    assert b.opened.resumed is None
    assert p("edited") in b.opened.dirty


@pytest.mark.parametrize("noted", ["", "one", "11" * 20, "11 22 33"])
def test_a_note_that_makes_no_sense_is_none(a: Side, side: SideMaker, noted: str) -> None:
    a.save("x", "1")
    (a.folder / ".git/instep/underway").write_text(noted)
    a.write("x", "2")
    a = side("a")
    assert (a.opened.resumed, a.opened.dirty) == (None, {p("x")})


def test_a_merge_whose_objects_did_not_come_to_the_disk_had_not_begun(a: Side, side: SideMaker) -> None:
    a.save("x", "1")
    before = a.head.hex()
    (a.folder / ".git/instep/underway").write_text(f"{'1' * 40} {'2' * 40} {before}")
    a.write("x", "2")
    a = side("a")
    assert (a.opened.resumed, a.opened.dirty) == (None, {p("x")})


@pytest.mark.parametrize("lost", ["commit", "tree", "other", "there"])
@pytest.mark.parametrize("size", [None, 0])
def test_what_a_power_cut_took_objects_of_is_not_gone_on_with(
    side: SideMaker, killed: Kill, lost: str, size: int | None
) -> None:  # I1 I27
    a, b = side("a"), side("b")
    met(a, b)
    a.save("d/there", "there\n")
    oids = {"commit": a.head}
    a.save("other", "other\n")
    for name, path in {"tree": "d", "other": "other", "there": "d/there"}.items():
        entry = a.entry(path)
        assert entry is not None
        oids[name] = entry.oid
    killed(b, a, 1)
    oid = oids[lost].hex()
    file = b.folder / ".git/objects" / oid[:2] / oid[2:]
    file.unlink()
    if size is not None:
        file.touch()
    b = side("b")
    assert b.opened.resumed is None
    assert p("d/there") in b.opened.dirty
    assert b.commit("d/there").commit == b.head
    assert b.git("show", "HEAD:d/there") == "there\n"


def test_of_an_unborn_branch(a: Side, b: Side, killed: Kill) -> None:
    a.save("x", "1")
    b = killed(b, a)
    assert resumed(b).changes == [Change(p("x"), None, a.entry("x"))]
    resume(b)
    assert (b.head, b.files()) == (a.head, a.files())
