"""I1: what a late writer put into a displaced file is handed over, not deleted."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from instep.core.types import RelPath
from instep.fs.displaced import KEEP_S, Displaced, Rescued
from instep.fs.identity import Identity


class Shelf:
    """Displaced files with a clock in hand."""

    def __init__(self, top: Path) -> None:
        self.now_s = 100.0
        self.displaced = Displaced(os.fsencode(top / "displaced"), lambda: self.now_s)

    def put(self, path: bytes = b"d/f", holds: Callable[[bytes, Identity], bool] | None = None) -> Path:
        name = self.displaced.reserve(RelPath(path))
        file = Path(os.fsdecode(self.displaced.file(name)))
        file.write_bytes(b"base")
        self.displaced.keep(RelPath(path), name, Identity.of(file.lstat()), holds)
        return file

    def settle(self, after_s: float) -> list[Rescued]:
        self.now_s += after_s
        return self.displaced.settle()


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def test_unchanged_is_deleted_in_its_time(shelf: Shelf) -> None:
    assert shelf.displaced.due_s is None
    file = shelf.put()
    assert shelf.settle(KEEP_S / 2) == []
    assert file.exists()
    assert shelf.displaced.due_s == 100.0 + KEEP_S
    assert shelf.settle(KEEP_S) == []
    assert not file.exists()
    assert shelf.displaced.due_s is None


def test_changed_is_handed_over_once(shelf: Shelf) -> None:
    file = shelf.put()
    file.write_bytes(b"edit")
    assert shelf.settle(KEEP_S) == [Rescued(RelPath(b"d/f"), os.fsencode(file))]
    assert shelf.settle(KEEP_S) == []
    assert file.read_bytes() == b"edit"


def test_where_its_times_are_no_proof_it_is_read(shelf: Shelf) -> None:
    def holds(file: bytes, _: Identity) -> bool:
        return file.endswith(b"~same")

    same, other = shelf.put(b"same", holds), shelf.put(b"other", holds)
    assert shelf.settle(KEEP_S) == [Rescued(RelPath(b"other"), os.fsencode(other))]
    assert (same.exists(), other.exists()) == (False, True)


def test_an_open_one_is_waited_for(shelf: Shelf) -> None:
    file = shelf.put()
    with file.open("ab") as late:
        assert shelf.settle(100 * KEEP_S) == []
        late.write(b" and edit")
    assert [rescued.path for rescued in shelf.settle(KEEP_S)] == [b"d/f"]


@pytest.mark.parametrize("path", [b"d/f", b"100%/\xff\n~%2F", b"d/" * 60 + b"f", b"n" * 255])
def test_a_crash_leaves_them_with_their_paths(shelf: Shelf, tmp_path: Path, path: bytes) -> None:
    file = shelf.put(path)
    shelf.displaced.close()
    later = Shelf(tmp_path).displaced
    assert later.leftovers() == [Rescued(RelPath(path), os.fsencode(file))]
    later.drop(file.name.encode("utf-8", "surrogateescape"))
    assert later.leftovers() == []
    assert os.listdir(tmp_path / "displaced") == []


def test_the_same_path_twice(shelf: Shelf) -> None:
    files = {shelf.put(), shelf.put()}
    assert len(files) == 2
    assert shelf.displaced.leftovers() == []  # they are not left over: they are kept


def test_links_and_vanished_ones_are_no_trouble(shelf: Shelf) -> None:
    name = shelf.displaced.reserve(RelPath(b"l"))
    link = Path(os.fsdecode(shelf.displaced.file(name)))
    link.symlink_to("nowhere")
    shelf.displaced.keep(RelPath(b"l"), name, Identity.of(link.lstat()))
    shelf.put().unlink()
    assert shelf.settle(KEEP_S) == []
    assert not link.is_symlink()
