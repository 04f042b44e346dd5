import errno
import os
from collections.abc import Callable

import pytest

from instep.core.types import RelPath
from instep.fs.beneath import Parent, lstat_beneath, open_beneath, walk_open

from .conftest import Root

Opener = Callable[[int, RelPath, int], int]


@pytest.fixture(params=[open_beneath, walk_open], ids=["openat2", "walk"])
def opener(request: pytest.FixtureRequest) -> Opener:
    return request.param


def opened(root: Root, opener: Opener, path: bytes) -> bytes:
    fd = opener(root.fd, RelPath(path), os.O_RDONLY)
    try:
        return os.read(fd, 100)
    finally:
        os.close(fd)


def test_opens_what_is_below(root: Root, opener: Opener) -> None:
    root.file(b"a/b/f", b"1")
    assert opened(root, opener, b"a/b/f") == b"1"
    os.close(opener(root.fd, RelPath(b""), os.O_RDONLY))


@pytest.mark.parametrize("path", [b"link/f", b"a/link/f", b"a/l"])
def test_follows_no_link(root: Root, opener: Opener, path: bytes) -> None:
    root.file(b"a/real/f", b"1")
    root.at(b"link").symlink_to("a/real")
    root.at(b"a/link").symlink_to("real")
    root.at(b"a/l").symlink_to("real/f")
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        opened(root, opener, path)


def test_a_link_in_place_of_a_directory_is_a_link(root: Root, opener: Opener) -> None:
    root.file(b"a/real/f")
    root.at(b"a/link").symlink_to("real")
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        opener(root.fd, RelPath(b"a/link"), os.O_PATH | os.O_DIRECTORY)


def test_a_file_on_the_way_is_not_a_directory(root: Root, opener: Opener) -> None:
    root.file(b"a/f")
    with pytest.raises(NotADirectoryError):
        opened(root, opener, b"a/f/g")


@pytest.mark.parametrize("path", [b"../outside", b"a/../../outside", b"/etc/hostname"])
def test_never_leaves_the_root(root: Root, opener: Opener, path: bytes) -> None:
    root.file(b"a/f")
    (root.path.parent / "outside").write_bytes(b"secret")
    with pytest.raises(OSError, match=os.strerror(errno.EXDEV)):
        opened(root, opener, path)


def test_paths_longer_than_the_kernel_takes(root: Root) -> None:
    path = b"/".join([b"d" * 200] * 30 + [b"f"])
    fd = os.dup(root.fd)
    for name in path.split(b"/")[:-1]:
        os.mkdir(name, dir_fd=fd)
        inner = os.open(name, os.O_PATH, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(os.open(b"f", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)
    with Parent(root.fd, RelPath(path)) as (dir_fd, name):
        assert os.stat(name, dir_fd=dir_fd).st_size == 0
    assert lstat_beneath(root.fd, RelPath(path)).st_size == 0
