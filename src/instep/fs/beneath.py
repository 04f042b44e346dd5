"""Opening names below a directory without ever following a symbolic link on the way.

`openat2` does it in one call (Linux 5.6); elsewhere, and for paths longer than PATH_MAX, each directory is
opened from the one above it. ELOOP: a link is on the way (or is the name itself); ENOTDIR: a file is.
Nothing is cached: a directory that was moved is found where it is now, and an open costs a few microseconds.
"""

import errno
import os
import stat

from instep.core.types import RelPath
from instep.fs import spelling, syscalls

_RESOLVE = syscalls.RESOLVE_BENEATH | syscalls.RESOLVE_NO_SYMLINKS | syscalls.RESOLVE_NO_MAGICLINKS
_PATH_MAX = 4096
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def _has_openat2() -> bool:
    try:
        os.close(syscalls.openat2(syscalls.AT_FDCWD, b"/", _DIRECTORY, 0, 0))
    except OSError:
        return False
    return True


_OPENAT2 = _has_openat2()


def open_beneath(root_fd: int, path: RelPath, flags: int, mode: int = 0) -> int:
    """Opens `path`; `b""` is the root itself. The descriptor is close-on-exec and the caller's.

    With O_PATH a link at the very end is opened itself, as with O_PATH | O_NOFOLLOW. Raises OtherwiseSpelt
    where the root is a FoldingRoot (I24).
    """
    spelling.check_directories(root_fd, path)
    if _OPENAT2 and len(path) < _PATH_MAX:
        flags |= os.O_CLOEXEC
        if flags & os.O_DIRECTORY:  # with O_NOFOLLOW too, a link at the end would be ENOTDIR
            flags &= ~os.O_NOFOLLOW
        else:
            flags |= os.O_NOFOLLOW
        return syscalls.openat2(root_fd, path or b".", flags, mode, _RESOLVE)
    return walk_open(root_fd, path, flags, mode)


def walk_open(root_fd: int, path: RelPath, flags: int, mode: int = 0) -> int:
    """As open_beneath, a directory at a time."""
    names = path.split(b"/") if path else [b"."]
    if b".." in names or b"" in names:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
    fd = root_fd
    try:
        for name in names[:-1]:
            inner = _open_one(fd, name, _DIRECTORY)
            if fd != root_fd:
                os.close(fd)
            fd = inner
        return _open_one(fd, names[-1], flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    finally:
        if fd != root_fd:
            os.close(fd)


def _open_one(dir_fd: int, name: bytes, flags: int, mode: int = 0) -> int:
    try:
        return os.open(name, flags, mode, dir_fd=dir_fd)
    except NotADirectoryError:
        if stat.S_ISLNK(os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name) from None  # as openat2 says it
        raise


class Parent:
    """The directory of a path, open, and the name in it: `with Parent(root_fd, path) as (dir_fd, name)`.

    OSError as open_beneath when the directory can't be opened. The root has no parent.
    """

    __slots__ = ("_fd", "_name", "_owned")

    def __init__(self, root_fd: int, path: RelPath) -> None:
        directory, slash, self._name = path.rpartition(b"/")
        self._owned = bool(slash)
        self._fd = open_beneath(root_fd, RelPath(directory), _DIRECTORY) if slash else root_fd

    def __enter__(self) -> tuple[int, bytes]:
        return self._fd, self._name

    def __exit__(self, *_: object) -> None:
        if self._owned:
            os.close(self._fd)


def lstat_beneath(root_fd: int, path: RelPath) -> os.stat_result:
    """`lstat` of a path below the root; OSError as open_beneath (ELOOP only for a link on the way)."""
    if not path:
        return os.stat(root_fd)
    with Parent(root_fd, path) as (dir_fd, name):
        found = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        spelling.check_name(root_fd, dir_fd, name)
        return found


def stat_hint(root_fd: int, path: RelPath) -> os.stat_result:
    """As lstat_beneath, cheaper, but follows links on the way: only to compare with what was opened."""
    if not path or len(path) >= _PATH_MAX:
        return lstat_beneath(root_fd, path)
    return os.stat(path, dir_fd=root_fd, follow_symlinks=False)
