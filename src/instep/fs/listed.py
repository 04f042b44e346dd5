"""Directories that are as they were when they were listed, so that they need not be listed again.

Whatever comes into a directory, goes from it or is renamed in it changes its ctime, which nobody can set. So
two looks that find the same ctime found the same names, unless the second change fell into the same tick of
the file system's clock as the first: nothing is recorded of what changed a moment ago (`MARGIN_NS`). That is
so on the file systems that Linux alone writes (`EXACT`). Windows leaves a directory's times on a FAT drive as
they are, and times on a network share are another computer's.
"""

import os
from typing import NamedTuple

from instep.core.types import RelPath
from instep.fs import syscalls
from instep.fs.beneath import open_beneath
from instep.fs.scan import Skip

EXACT = frozenset(
    {
        *(0xEF53, 0x58465342, 0x9123683E),  # ext2 to ext4; xfs; btrfs
        *(0xF2F52010, 0xCA451A4E, 0x2FC12FC1, 0x01021994),  # f2fs, bcachefs, zfs, tmpfs
    }
)
"""File systems (`f_type` of statfs) that Linux alone writes: a directory's ctime tells of every change of its
names, and a file's owner is who made it."""
MARGIN_NS = 3 * 10**9
"""ext3's clock ticks every second."""

_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class Stamp(NamedTuple):
    """What is equal as long as the same directory has the same names and the same file of ignore rules."""

    dev: int
    ino: int
    ctime_ns: int
    rules: tuple[int, ...]
    """Of its `.gitignore`, which can change in place; empty if there is none."""

    @classmethod
    def of(cls, fd: int) -> "Stamp":
        """Of an open directory."""
        st = os.fstat(fd)
        try:
            file = os.stat(".gitignore", dir_fd=fd, follow_symlinks=False)
            rules = (file.st_ino, file.st_size, file.st_mtime_ns, file.st_ctime_ns)
        except FileNotFoundError:
            rules = ()
        return cls(st.st_dev, st.st_ino, st.st_ctime_ns, rules)

    @property
    def latest_ns(self) -> int:
        """When something changed last."""
        return max((self.ctime_ns, *self.rules[3:]))


class Listed(NamedTuple):
    """A directory of which all is known: only files and links, and the directories `inner` that are not
    skipped."""

    stamp: Stamp
    inner: tuple[bytes, ...]


class Contents(NamedTuple):
    """What else than files and links is in a directory: directories; sockets, FIFOs and devices."""

    inner: list[bytes]
    special: list[bytes]
    is_repository: bool
    """Whether it has a `.git` (the rest is not looked at then)."""


def contents(fd: int, *, is_root: bool) -> Contents:
    """Of an open directory. The root's own `.git` is passed over."""
    inner: list[bytes] = []
    special: list[bytes] = []
    with os.scandir(fd) as entries:
        for entry in entries:
            if entry.name == ".git":
                if not is_root:
                    return Contents([], [], True)
            elif entry.is_file(follow_symlinks=False):
                continue
            elif entry.is_dir(follow_symlinks=False):
                inner.append(os.fsencode(entry.name))
            elif not entry.is_symlink():
                special.append(os.fsencode(entry.name))
    return Contents(inner, special, False)


def below(directory: RelPath, name: bytes) -> RelPath:
    """The path of a name in a directory."""
    return RelPath(directory + b"/" + name if directory else name)


def list_all(root_fd: int, skip: Skip, now_ns: int) -> dict[RelPath, Listed] | None:
    """Every directory that is not skipped, each recorded before it is listed; None if not all of them can be
    told from changed ones later, or something else than files and links is in one. Blocking. Raises OSError.
    """
    if syscalls.filesystem_magic(root_fd) not in EXACT:
        return None
    dev, before_ns = os.fstat(root_fd).st_dev, now_ns - MARGIN_NS
    found: dict[RelPath, Listed] = {}
    waiting = [RelPath(b"")]
    while waiting:
        path = waiting.pop()
        fd = open_beneath(root_fd, path, _LIST)
        try:
            stamp = Stamp.of(fd)
            inner, special, is_repository = contents(fd, is_root=not path)
        finally:
            os.close(fd)
        if special or is_repository or stamp.dev != dev or stamp.latest_ns >= before_ns:
            return None
        names = tuple(name for name in inner if not skip(below(path, name), True))
        found[path] = Listed(stamp, names)
        waiting += [below(path, name) for name in names]
    return found
