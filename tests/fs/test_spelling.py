"""I24: on a disk that folds names, what is asked for by another spelling is not there."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from instep.core.types import RelPath
from instep.fs.beneath import open_beneath
from instep.fs.durable import Batch
from instep.fs.install import Reason, Refused, WorkTree
from instep.fs.read import Gone, identify, read_stable
from instep.fs.scan import scan_beneath
from tests.system.folding import FoldingDisk


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    disk = FoldingDisk(tmp_path / "disk")
    for name in ("folder/Dir", "private"):
        (tmp_path / "disk" / name).mkdir(parents=True)
    (tmp_path / "disk/folder/Dir/Foo").write_bytes(b"Foo")
    yield tmp_path / "disk/folder"
    disk.close()


@pytest.fixture
def tree(folder: Path) -> Iterator[WorkTree]:
    tree = WorkTree(os.fsencode(folder), os.fsencode(folder.parent / "private"))
    yield tree
    tree.close()


def test_it_is_found_out_and_leaves_nothing(folder: Path, tree: WorkTree) -> None:
    assert tree.folds
    assert os.listdir(folder.parent / "private") == ["displaced"]


def test_an_ordinary_disk_does_not_fold(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    tree = WorkTree(os.fsencode(tmp_path), os.fsencode(tmp_path / "private"))
    assert not tree.folds
    tree.close()


@pytest.mark.parametrize("name", [b"Dir/foo", b"dir/Foo", b"dir/foo"])
def test_another_spelling_is_not_there(tree: WorkTree, name: bytes) -> None:
    path = RelPath(name)
    for look in (identify, read_stable):
        look(tree.root_fd, RelPath(b"Dir/Foo"))
        with pytest.raises(Gone):
            look(tree.root_fd, path)
    with pytest.raises(FileNotFoundError):
        open_beneath(tree.root_fd, path, os.O_RDONLY)
    assert not list(scan_beneath(tree.root_fd, path, lambda _path, _is_directory: False))


@pytest.mark.parametrize("name", [b"Dir/foo", b"dir/new"])
def test_nothing_is_put_where_the_disk_takes_it_for_something_else(
    folder: Path, tree: WorkTree, name: bytes
) -> None:
    with Batch(os.fsencode(folder.parent / "private/staging")) as batch:
        staged = batch.write(b"new", 0o666)
        batch.sync()
        with pytest.raises(Refused) as refused:
            tree.create(RelPath(name), staged)
    assert refused.value.reason is Reason.NAME_TAKEN
    assert os.listdir(folder) == ["Dir"]
    assert os.listdir(folder / "Dir") == ["Foo"]


def test_what_has_another_spelling_is_neither_replaced_nor_removed(folder: Path, tree: WorkTree) -> None:
    with pytest.raises(Refused) as refused:
        tree.remove(RelPath(b"Dir/foo"), lambda _file, _identity: True)
    assert refused.value.reason is Reason.CHANGED
    with pytest.raises(Refused) as refused:
        tree.move(RelPath(b"Dir/Foo"), RelPath(b"Dir/foo"), lambda _file, _identity: True)
    assert refused.value.reason is Reason.NAME_TAKEN
    assert (folder / "Dir/Foo").read_bytes() == b"Foo"
