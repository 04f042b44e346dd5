"""One disk takes `Foo` and `foo` for the same: nothing is lost, nothing shares, all goes quiet. # I3 I24"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import run_git

from .folding import FoldingDisk
from .harness import Pair, eventually, head
from .silence import assert_silence
from .worktree import join, tree, write

COMPOSED, DECOMPOSED = "caf\u00e9".encode(), "cafe\u0301".encode()


@pytest.fixture
def folding(tmp_path: Path) -> Iterator[Pair]:
    """`a` is on an ordinary disk, `b` on one that folds names."""
    disk = FoldingDisk(tmp_path / "disk")
    try:
        with Pair(tmp_path) as pair:
            pair.b = tmp_path / "disk" / "b"
            for number in range(4):  # so that no deletion is one of many (I8)
                write(pair.a, f"stays/{number}", b"stays\n")
            yield pair.up()
    finally:
        disk.close()


def files(folder: Path) -> dict[bytes, bytes]:
    return {name: data for name, (_, data) in tree(folder).items() if not name.startswith(b"stays")}


def homeless(pair: Pair) -> set[str]:
    """What `b` says that it has no place for."""
    found = pair.status(pair.b)["attention"]
    return {item["subject"] for item in found if item["code"] == "file-not-installed"}


def settle(pair: Pair, *without: bytes) -> None:
    """Until `b` has what `a` has, but for what it says that it has no place for."""
    eventually(lambda: homeless(pair) == {os.fsdecode(name) for name in without}, f"{without} is named")

    def same() -> bool:
        ours = {name: data for name, data in files(pair.a).items() if name not in without}
        return files(pair.b) == ours

    eventually(same, "b has all that it can hold")


@pytest.mark.parametrize(
    ("one", "other", "large"),
    [(b"Foo", b"foo", False), (COMPOSED, DECOMPOSED, True)],
    ids=["case", "accent, annexed"],
)
def test_of_two_names_one_has_no_place(folding: Pair, one: bytes, other: bytes, large: bool) -> None:
    filler = b"." * (100_000 * large)
    write(folding.a, one, b"first of one" + filler)
    folding.wait(folding.a)
    write(folding.a, other, b"first of other" + filler)
    settle(folding, other)
    write(folding.a, other, b"second of other" + filler)  # what has no place is edited where it has one
    write(folding.b, other, b"second of one" + filler)  # and this disk takes it for the one that is there
    settle(folding, other)
    assert files(folding.a) == {one: b"second of one" + filler, other: b"second of other" + filler}
    assert_silence(*folding.folders)  # I13
    os.unlink(join(folding.b, other))  # that is the one, too; and its place becomes free
    settle(folding)
    assert files(folding.a) == {other: b"second of other" + filler}


def test_a_restart_takes_no_name_for_deleted(folding: Pair) -> None:  # I27
    write(folding.a, "Foo", b"one\n")
    write(folding.a, "Dir/x", b"x\n")
    folding.wait(folding.a)
    write(folding.a, "foo", b"other\n")
    write(folding.a, "dir/y", b"y\n")
    settle(folding, b"foo", b"dir/y")
    before = head(folding.a)
    folding.instep("down", folding.b)
    folding.instep("up", folding.b)
    settle(folding, b"foo", b"dir/y")
    folding.instep("down", folding.b)
    (folding.b / ".git/instep/lag").unlink()  # as in a clone that git made: it has both in its index
    folding.instep("up", folding.b)
    settle(folding, b"foo", b"dir/y")
    assert_silence(*folding.folders)  # I13
    assert head(folding.a) == before == head(folding.b)
    os.rename(folding.a / "foo", folding.a / "bar")  # the way out that is said
    os.rename(folding.a / "dir/y", folding.a / "Dir/y")
    settle(folding)
    assert files(folding.b) == {b"Foo": b"one\n", b"bar": b"other\n", b"Dir/x": b"x\n", b"Dir/y": b"y\n"}


@pytest.mark.parametrize("side", [0, 1], ids=["ordinary", "folding"])
def test_a_new_spelling_of_a_file_or_directory_is_a_rename(folding: Pair, side: int) -> None:
    folder = folding.folders[side]
    for name in ("photo.JPG", "Album/one.JPG", "Album/Deep/two"):
        write(folding.a, name, name.encode())
    folding.wait(folding.a)
    os.rename(folder / "photo.JPG", folder / "photo.jpg")
    os.rename(folder / "Album", folder / "album")
    wanted = {
        b"photo.jpg": b"photo.JPG",
        b"album/one.JPG": b"Album/one.JPG",
        b"album/Deep/two": b"Album/Deep/two",
    }
    eventually(lambda: all(files(each) == wanted for each in folding.folders), "both have the new names")
    settle(folding)
    assert files(folding.a) == wanted


def test_both_sides_edit_while_apart(folding: Pair) -> None:  # I5
    write(folding.a, "Foo", b"base\n")
    folding.wait(folding.a)
    folding.instep("down", folding.b)
    write(folding.b, "FOO", b"edited there\n")  # it is Foo still
    os.rename(folding.a / "Foo", folding.a / "foo")
    eventually(lambda: run_git(folding.a, "ls-tree", "--name-only", "HEAD", "foo"), "it is committed")
    folding.instep("up", folding.b)
    settle(folding)
    assert b"edited there\n" in files(folding.a).values()
