"""Looking at everything there is below a directory.

`.git` is never seen. No symbolic link is followed. A directory that holds a `.git` is a repository of its
own: it is named once, as a directory, and left alone (I23). What can't be listed is never taken for empty
(I2).
"""

import errno
import os
from collections.abc import Callable, Iterator

from instep.core.types import RelPath
from instep.fs.beneath import lstat_beneath, open_beneath

Skip = Callable[[RelPath, bool], bool]
"""`skip(path, is_directory)`: whether to pass this name, and all below it, over."""

_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_VANISHED = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


def scan(
    root: bytes,
    under: RelPath,
    skip: Skip,
    unreadable: Callable[[RelPath, OSError], None] | None = None,
) -> Iterator[tuple[RelPath, os.stat_result]]:
    """Every file, link, odd thing and nested repository at or below `under`, with its `lstat`, in no order.

    What vanishes meanwhile is left out. A directory that can't be listed goes to `unreadable`, or its OSError
    is raised if there is none.
    """
    root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield from scan_beneath(root_fd, under, skip, unreadable)
    finally:
        os.close(root_fd)


def scan_beneath(
    root_fd: int,
    under: RelPath,
    skip: Skip,
    unreadable: Callable[[RelPath, OSError], None] | None = None,
) -> Iterator[tuple[RelPath, os.stat_result]]:
    """As scan, for a root that is open."""
    waiting = [under]
    while waiting:
        directory = waiting.pop()
        try:
            listed = _Listing(root_fd, directory, skip)
        except OSError as error:
            if error.errno not in _VANISHED:
                if unreadable is None:
                    raise
                unreadable(directory, error)
            elif directory == under:
                yield from _single(root_fd, under)
            continue
        if listed.nested:
            yield from _single(root_fd, directory)
            continue
        yield from listed.files
        waiting.extend(listed.directories)


def _single(root_fd: int, path: RelPath) -> Iterator[tuple[RelPath, os.stat_result]]:
    try:
        yield path, lstat_beneath(root_fd, path)
    except OSError as error:
        if error.errno not in _VANISHED:
            raise


class _Listing:
    """One directory, sorted into what is seen and what is entered."""

    __slots__ = ("directories", "files", "nested")

    def __init__(self, root_fd: int, directory: RelPath, skip: Skip) -> None:
        self.files: list[tuple[RelPath, os.stat_result]] = []
        self.directories: list[RelPath] = []
        self.nested = False
        prefix = directory + b"/" if directory else b""
        fd = open_beneath(root_fd, directory, _LIST)
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    name = os.fsencode(entry.name)
                    if name == b".git":
                        self.nested = bool(directory)
                        continue
                    path = RelPath(prefix + name)
                    is_directory = entry.is_dir(follow_symlinks=False)
                    if skip(path, is_directory):
                        continue
                    if is_directory:
                        self.directories.append(path)
                    else:
                        self._look(entry, path)
        finally:
            os.close(fd)

    def _look(self, entry: "os.DirEntry[str]", path: RelPath) -> None:
        try:
            self.files.append((path, entry.stat(follow_symlinks=False)))
        except OSError as error:
            if error.errno not in _VANISHED:
                raise
