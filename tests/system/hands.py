"""What a person or program can do to a folder's files, one thing at a time, written down in a ledger.

Nothing is chosen here: who acts says what and where. That a file or directory is gone meanwhile, or another
kind, is a mishap, no error: the other side's changes arrive at any moment.
"""

import contextlib
import errno
import os
import random
import stat
from pathlib import Path

from .ledger import Ledger
from .worktree import join

_MISHAPS = frozenset(
    {
        errno.ENOENT,
        errno.EEXIST,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENOTEMPTY,
        errno.EINVAL,
    }
)
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})


class Hands:
    """Acts in one folder. Each method gives whether it was done. `name` and a count make every content
    unlike all others."""

    def __init__(self, folder: Path, ledger: Ledger, name: str) -> None:
        self._folder = folder
        self._root = folder.resolve()
        self._ledger = ledger
        self._name = name
        self._count = 0

    def content(self, path: bytes, size: int) -> bytes:
        """Unlike anything written before, of about this size: lines for a text, else bytes."""
        self._count += 1
        title = f"{self._name} {self._count} ".encode()
        if path.endswith(b".bin"):
            return title + b"\0" + random.Random(title).randbytes(size)
        return title + b"\n" + b"".join(b"line %d\n" % n for n in range(size // 8))

    def write(self, path: bytes, content: bytes) -> bool:
        """In place, in two halves."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        half = len(content) // 2
        try:
            self._make_way(path)
            file = os.open(self._place(path), flags, 0o644)
            try:
                _put(file, content[:half])
                _put(file, content[half:])
                executable = _is_executable(file)
            finally:
                os.close(file)
        except OSError as error:
            return self._mishap(error, path)
        self._ledger.wrote(path, content, executable=executable)
        return True

    def append(self, path: bytes, more: bytes) -> bool:
        try:
            file = os.open(self._place(path), os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW)
            try:
                if not stat.S_ISREG(os.fstat(file).st_mode) or os.pread(file, 15, 0) == b"/annex/objects/":
                    return False  # the content of a large file has not come yet: its user waits for it
                _put(file, more)
                content = os.pread(file, os.fstat(file).st_size, 0)
                executable = _is_executable(file)
            finally:
                os.close(file)
        except OSError as error:
            return self._mishap(error, path)
        self._ledger.wrote(path, content, executable=executable)
        return True

    def save(self, path: bytes, content: bytes) -> bool:
        """Aside, then renamed over, as most editors do."""
        aside = path + b".%d.new" % self._count
        self._ledger.passed(aside)
        try:
            self._make_way(path)
            with open(self._place(aside), "xb") as file:
                file.write(content)
            os.rename(self._place(aside), self._place(path))
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(self._place(aside))
            return self._mishap(error, None)
        self._ledger.wrote(path, content)
        return True

    def rename(self, source: bytes, target: bytes) -> bool:
        """A file; over another one if that is there."""
        if source == target or _is_directory(join(self._folder, source)):
            return False
        try:
            self._make_way(target)
            os.rename(self._place(source), self._place(target))
        except OSError as error:
            return self._mishap(error, None)
        self._ledger.renamed(source, target)
        return True

    def move_directory(self, source: bytes, target: bytes) -> bool:
        """To a name that is free."""
        place = join(self._folder, source)
        if not _is_directory(place) or os.path.lexists(join(self._folder, target)):
            return False
        try:
            self._make_way(target)
            os.rename(self._place(source), self._place(target))
        except OSError as error:
            return self._mishap(error, None)
        self._ledger.renamed(source, target)
        return True

    def delete(self, path: bytes) -> bool:
        try:
            os.unlink(self._place(path))
        except OSError as error:
            return self._mishap(error, None)
        self._ledger.removed(path)
        return True

    def chmod(self, path: bytes, executable: bool) -> bool:
        """Of a file, not of what a link leads to."""
        try:
            file = os.open(self._place(path), os.O_RDONLY | os.O_NOFOLLOW)
            try:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    return False
                os.fchmod(file, 0o755 if executable else 0o644)
            finally:
                os.close(file)
        except OSError as error:
            return self._mishap(error, None)
        self._ledger.chmodded(path, executable)
        return True

    def symlink(self, path: bytes, target: bytes) -> bool:
        """Where nothing is."""
        try:
            self._make_way(path)
            os.symlink(target, self._place(path))
        except OSError as error:
            return self._mishap(error, None)
        self._ledger.linked(path, target)
        return True

    def _place(self, path: bytes) -> bytes:
        """Raises OSError where a link on the way leads elsewhere: that would be another path."""
        place = join(self._folder, path)
        above = os.path.dirname(path)
        if os.path.realpath(os.path.dirname(place)) != os.path.normpath(join(self._root, above)):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), place)
        return place

    def _make_way(self, path: bytes) -> None:
        os.makedirs(os.path.dirname(self._place(path)), exist_ok=True)

    def _mishap(self, error: OSError, torn: bytes | None) -> bool:
        """`torn`: the file that may be half written, and has lost what it had."""
        if error.errno in _NO_SPACE:
            if torn is not None:
                self._ledger.unsure(torn)
            return False
        if error.errno not in _MISHAPS:
            raise error
        return False


def _put(file: int, data: bytes) -> None:
    """All of it: a full disk first takes a part."""
    while data:
        data = data[os.write(file, data) :]


def _is_executable(file: int) -> bool:
    return bool(os.fstat(file).st_mode & 0o100)


def _is_directory(place: bytes) -> bool:
    return os.path.isdir(place) and not os.path.islink(place)
