"""I10 itself can be tested by cutting the power only; here: what is staged, placed and left behind."""

import os
import resource
from pathlib import Path

import pytest

from instep.fs.durable import MANY, Batch


@pytest.fixture
def directory(tmp_path: Path) -> bytes:
    return os.fsencode(tmp_path / "staging")


@pytest.mark.parametrize("count", [0, 1, 3, 70, MANY])
def test_many_files_are_placed_whole(tmp_path: Path, directory: bytes, count: int) -> None:
    with Batch(directory) as batch:
        staged = [batch.write(b"%d" % n * n) for n in range(count)]
        batch.sync()
        for n, file in enumerate(staged):
            file.place(os.fsencode(tmp_path / str(n)))
        batch.sync_names()
        assert os.listdir(directory) == []
    for n in range(count):
        assert (tmp_path / str(n)).read_bytes() == b"%d" % n * n


@pytest.mark.parametrize("count", [3, 20])
def test_a_file_system_without_order_is_synced_otherwise(directory: bytes, count: int) -> None:
    with Batch(directory) as batch:
        batch.ordered = False
        for n in range(count):
            batch.write(b"%d" % n)
        batch.sync()
        batch.sync_names()


def test_few_descriptors_are_enough(directory: bytes) -> None:  # I26
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Batch(directory) as batch:
        batch.ordered = True
        for n in range(MANY - 1):
            batch.write(b"%d" % n)
        lowest = os.dup(0)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 8, limits[1]))
        try:
            batch.sync()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_permissions_are_those_of_open(directory: bytes) -> None:
    mask = os.umask(0o027)
    try:
        with Batch(directory) as batch:
            modes = [os.stat(batch.write(b"", mode).path).st_mode & 0o777 for mode in (0o666, 0o777, 0o444)]
    finally:
        os.umask(mask)
    assert modes == [0o640, 0o750, 0o440]


def test_without_replace_what_stands_there_stays(tmp_path: Path, directory: bytes) -> None:
    (tmp_path / "there").symlink_to("nowhere")
    with Batch(directory) as batch:
        file = batch.write(b"1")
        with pytest.raises(FileExistsError):
            file.place(os.fsencode(tmp_path / "there"), replace=False)
        file.place(os.fsencode(tmp_path / "here"), replace=False)
    assert (tmp_path / "here").read_bytes() == b"1"
    assert (tmp_path / "there").is_symlink()


def test_close_removes_what_was_not_placed(tmp_path: Path, directory: bytes) -> None:
    (tmp_path / "adopted").write_bytes(b"2")
    batch = Batch(directory)
    batch.write(b"1")
    batch.link(b"target")
    batch.begin()
    batch.adopt(os.fsencode(tmp_path / "adopted"))
    assert len(os.listdir(directory)) == 4
    batch.close()
    batch.close()
    assert os.listdir(directory) == []


def test_copies_links_and_streams(tmp_path: Path, directory: bytes) -> None:
    (tmp_path / "source").write_bytes(b"content")
    with Batch(directory) as batch, (tmp_path / "source").open("rb") as source:
        copy, link, stream = batch.copy(source.fileno()), batch.link(b"a/b"), batch.begin(0o777)
        os.write(stream.fd, b"streamed")
        stream.finish()
        batch.sync()
        for name, file in (("copy", copy), ("link", link), ("stream", stream)):
            file.place(os.fsencode(tmp_path / name))
            assert file.identity is not None
            assert file.identity.size == (tmp_path / name).lstat().st_size
    assert (tmp_path / "copy").read_bytes() == b"content"
    assert os.readlink(tmp_path / "link") == "a/b"
    assert (tmp_path / "stream").stat().st_mode & 0o100


def test_a_full_disk_leaves_nothing(directory: bytes) -> None:
    with Batch(directory) as batch, open("/dev/full", "wb", buffering=0) as full:
        staged = batch.begin()
        os.dup2(full.fileno(), staged.fd)
        with pytest.raises(OSError, match="No space"):
            os.write(staged.fd, b"1")
        staged.discard()
        assert os.listdir(directory) == []
