"""I2: only the kernel's word is absence. I9: what was read is what the file was at one moment."""

import hashlib
import os
import threading

import pytest

from instep.core.types import RelPath
from instep.fs.identity import Identity
from instep.fs.lease import Writers
from instep.fs.read import (
    ChangedMeanwhile,
    Gone,
    NotRegular,
    StillOpen,
    TooLarge,
    hash_stable,
    identify,
    read_link,
    read_stable,
    stat_beneath,
)

from .conftest import Root

MEBIBYTE = 1 << 20


@pytest.mark.parametrize("size", [0, 1, 4096, MEBIBYTE, MEBIBYTE + 1])
def test_reads_all(root: Root, size: int) -> None:
    content = os.urandom(size)
    path = root.file(b"d/f", content)
    seen = read_stable(root.fd, path)
    assert seen.data == content
    assert seen.identity == identify(root.fd, path)
    assert (seen.writers, seen.settled) == (Writers.NONE, True)


def test_leaves_no_lease_behind(root: Root) -> None:
    path = root.file(b"f", b"1")
    read_stable(root.fd, path)
    os.close(os.open(root.at(path), os.O_WRONLY | os.O_NONBLOCK))


def test_a_writer_stands_in_the_way_unless_insisted(root: Root) -> None:
    path = root.file(b"f", b"1")
    with root.at(path).open("ab"):
        with pytest.raises(StillOpen):
            read_stable(root.fd, path)
        with pytest.raises(StillOpen):
            hash_stable(root.fd, path, [])
        seen = read_stable(root.fd, path, insist=True)
    assert (seen.data, seen.settled) == (b"1", False)


def test_a_large_file_is_left_to_be_streamed(root: Root) -> None:
    path = root.file(b"f", b"12")
    assert read_stable(root.fd, path, limit=2).data == b"12"
    with pytest.raises(TooLarge):
        read_stable(root.fd, path, limit=1)


@pytest.mark.parametrize("path", [b"nothing", b"f/below", b"link/f", b"nothing/at/all"])
def test_gone_is_what_the_kernel_says_is_not_there(root: Root, path: bytes) -> None:
    root.file(b"f")
    root.file(b"d/f")
    root.at(b"link").symlink_to("d")
    absent = RelPath(path)
    for look in (read_stable, identify, read_link):
        with pytest.raises(Gone):
            look(root.fd, absent)
    assert stat_beneath(root.fd, absent) is None


@pytest.mark.usefixtures("bound_by_permissions")
def test_an_unreadable_directory_is_not_absence(root: Root) -> None:
    path = root.file(b"d/f")
    with pytest.raises(OSError, match="name too long"):
        identify(root.fd, RelPath(b"n" * 300))
    root.at(b"d").chmod(0)
    with pytest.raises(PermissionError):
        identify(root.fd, path)
    root.at(b"d").chmod(0o755)


def test_odd_things_are_not_opened(root: Root) -> None:
    os.mkfifo(root.at(b"fifo"))
    root.at(b"dir").mkdir()
    root.at(b"link").symlink_to("dir")
    for name in (b"fifo", b"dir", b"link"):
        with pytest.raises(NotRegular) as caught:
            read_stable(root.fd, RelPath(name))
        assert caught.value.identity == Identity.of(os.lstat(root.at(name)))


def test_links_are_read_not_followed(root: Root) -> None:
    root.at(b"link").symlink_to("no/where")
    identity, target = read_link(root.fd, RelPath(b"link"))
    assert (identity.is_link, target) == (True, b"no/where")


def test_streams_through_several_hashes_and_a_copy(root: Root) -> None:
    content = os.urandom(3 * MEBIBYTE + 5)
    path = root.file(b"f", content)
    hashes = [hashlib.sha256(), hashlib.sha1(usedforsecurity=False)]
    done: list[int] = []
    with root.at(b"copy").open("w+b") as copy:
        seen = hash_stable(root.fd, path, hashes, copy_to=copy.fileno(), progress=done.append)
    assert root.at(b"copy").read_bytes() == content
    assert hashes[0].digest() == hashlib.sha256(content).digest()
    assert hashes[1].digest() == hashlib.sha1(content, usedforsecurity=False).digest()
    assert seen.identity == identify(root.fd, path)
    assert done == [MEBIBYTE, 2 * MEBIBYTE, 3 * MEBIBYTE, 3 * MEBIBYTE + 5]


def rewrite(root: Root, path: RelPath) -> None:
    root.at(path).write_bytes(b"x" * (3 * MEBIBYTE))


def replace(root: Root, path: RelPath) -> None:
    root.at(root.file(b"new", b"2")).rename(root.at(path))


def unlink(root: Root, path: RelPath) -> None:
    root.at(path).unlink()


@pytest.mark.parametrize("act", [rewrite, replace, unlink])
def test_a_change_while_streaming_is_noticed(root: Root, act) -> None:  # type: ignore[no-untyped-def]
    path = root.file(b"f", os.urandom(3 * MEBIBYTE))
    acted: list[int] = []

    def once(done: int) -> None:
        if not acted:
            acted.append(done)
            act(root, path)

    with pytest.raises(ChangedMeanwhile):
        hash_stable(root.fd, path, [], progress=once)


def test_a_writer_that_comes_while_streaming_is_noticed(root: Root) -> None:
    path = root.file(b"f", os.urandom(2 * MEBIBYTE))
    opened: list[int] = []

    def open_it(done: int) -> None:
        opened.append(os.open(root.at(path), os.O_WRONLY))

    with pytest.raises(ChangedMeanwhile):
        hash_stable(root.fd, path, [], progress=open_it)
    for fd in opened:
        os.close(fd)


def test_never_a_mixture_of_two_writes(root: Root) -> None:
    """I9: a writer that overwrites in place, over and over, against reads."""
    path = root.file(b"f", b"0" * 8192)
    stop = threading.Event()

    def write() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            fd = os.open(root.at(path), os.O_WRONLY)
            for part in range(8):
                os.pwrite(fd, b"%d" % (turn % 10) * 1024, part * 1024)
            os.close(fd)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(400):
            try:
                data = read_stable(root.fd, path).data
            except (StillOpen, ChangedMeanwhile):
                continue
            assert len(set(data)) == 1
    finally:
        stop.set()
        writer.join()
    assert read_stable(root.fd, path).settled
