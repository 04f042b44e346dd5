"""Disks that take several names for one: `Foo` and `foo`, or an accent that is spelt in two ways. # I24

On such a disk the kernel finds a file by any of its spellings, so that something is found says nothing of
the name. What is asked for through a FoldingRoot is there only if its directory lists it, spelt as asked (I2,
I3). That costs a listing of each directory on the way, and only there.
"""

import errno
import os
import secrets

from instep.core.types import RelPath

_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_SPELLINGS = ("A\u00e9", "a\u00e9", "Ae\u0301")
"""The first one is made; the others may lead to it."""


class FoldingRoot(int):
    """The descriptor of a folder on a disk that folds names."""


class OtherwiseSpelt(FileNotFoundError):
    """What stands there has another name, which this disk takes for the same."""


def root_of(fd: int, private: bytes) -> int:
    """The descriptor of a folder, a FoldingRoot if names are folded in its directory `private`."""
    return FoldingRoot(fd) if _folds(private) else fd


def _folds(directory: bytes) -> bool:
    unique = f"spelling-{secrets.token_hex(8)}-"
    made, *others = (os.path.join(directory, os.fsencode(unique + name)) for name in _SPELLINGS)
    try:
        os.close(os.open(made, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError:  # full, or read-only: whoever writes will say so
        return False
    try:
        return any(map(os.path.lexists, others))
    finally:
        os.unlink(made)


def names_in(dir_fd: int) -> list[bytes]:
    """All names in a directory that is open in any way, as they are spelt."""
    fd = os.open(b".", _LIST, dir_fd=dir_fd)
    try:
        return [os.fsencode(name) for name in os.listdir(fd)]
    finally:
        os.close(fd)


def check_name(root_fd: int, dir_fd: int, name: bytes) -> None:
    """Raises OtherwiseSpelt if what was found by this name, in a directory below the root, has another."""
    if isinstance(root_fd, FoldingRoot) and name not in names_in(dir_fd):
        raise OtherwiseSpelt(errno.ENOENT, os.strerror(errno.ENOENT), name)


def check_directories(root_fd: int, path: RelPath) -> None:
    """The same for each name of a path that leads through directories only, as far as there are any."""
    if not isinstance(root_fd, FoldingRoot) or not path:
        return
    reached = b""
    for name in path.split(b"/"):
        try:
            dir_fd = os.open(reached or b".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root_fd)
        except OSError:
            return  # whoever opens the path is told why
        reached = os.path.join(reached, name)
        try:
            os.stat(reached, dir_fd=root_fd, follow_symlinks=False)
            check_name(root_fd, dir_fd, name)
        except FileNotFoundError as error:
            if isinstance(error, OtherwiseSpelt):
                raise
            return
        finally:
            os.close(dir_fd)
