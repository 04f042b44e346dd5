"""What libmagic makes of a content, for `mimetype=` and `mimeencoding=`: as git-annex's, from its wheel.

The wheel brings the library (in `git_annex.libs`) and its database (`magic.mgc`), so that both give the same
answer. Where they are not there, nobody knows. libmagic: libmagic(3).
"""

import ctypes
import os
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

from instep.annex.launcher import find_launcher
from instep.core import matching
from instep.core.matching import Matcher, Mime, UnknownTerm
from instep.core.types import RelPath
from instep.fs.read import open_beneath

_MIME_TYPE, _MIME_ENCODING = 0x10, 0x400
_EMPTY = Mime("inode/x-empty", "binary")
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_LIBRARY = "libmagic-*.so*"
_STANDS_ON = ("libbz2-*.so*", "liblzma-*.so*")


class Magic:
    """One library with its database. Safe to use from several threads, one at a time."""

    def __init__(self, library: Path, database: Path) -> None:
        """Raises OSError if it can't be used."""
        for name in _STANDS_ON:  # beside it, where the dynamic linker does not look
            for needed in library.parent.glob(name):
                ctypes.CDLL(str(needed))
        found = ctypes.CDLL(str(library))
        found.magic_open.restype = ctypes.c_void_p
        found.magic_load.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        found.magic_descriptor.argtypes = [ctypes.c_void_p, ctypes.c_int]
        found.magic_descriptor.restype = ctypes.c_char_p
        self._describe: Callable[[int, int], bytes | None] = found.magic_descriptor
        self._cookies: list[int] = []
        for kind in (_MIME_TYPE, _MIME_ENCODING):
            cookie = found.magic_open(kind)
            if not cookie or found.magic_load(cookie, os.fsencode(database)) != 0:
                raise OSError(f"{database} can't be used")
            self._cookies.append(cookie)
        self._lock = threading.Lock()

    def of(self, root_fd: int, path: RelPath) -> Mime:
        """Type and encoding of the file there; raises OSError if it can't be read."""
        fd = open_beneath(root_fd, path, _READ)
        try:
            if not os.fstat(fd).st_size:
                return _EMPTY  # as libmagic says when it is given the name of a file, as git-annex does
            said = [self._ask(cookie, fd) for cookie in self._cookies]
        finally:
            os.close(fd)
        if None in said:
            raise OSError("libmagic can't tell what it is")
        return Mime(*(os.fsdecode(word or b"") for word in said))

    def _ask(self, cookie: int, fd: int) -> bytes | None:
        with self._lock:
            os.lseek(fd, 0, os.SEEK_SET)
            return self._describe(cookie, fd)


@cache
def find_magic() -> Magic | None:
    """That of git-annex's wheel, if it is installed."""
    database = find_launcher().magic
    if database is None:
        return None
    for library in sorted(Path(database).parent.parent.glob(f"git_annex.libs/{_LIBRARY}")):
        try:
            return Magic(library, Path(database))
        except (OSError, AttributeError):
            continue
    return None


def parse(expression: str) -> Matcher:
    """Reads an expression of `annex.largefiles`. Raises MalformedExpression, which is UnknownTerm where
    it asks what nobody here can tell."""
    matcher = matching.parse(expression)
    if matcher.needs_mime and find_magic() is None:
        raise UnknownTerm(expression, "mimetype= or mimeencoding=")
    return matcher


def mime_of(root_fd: int, path: RelPath) -> Mime:
    """For an expression that `parse` took. Raises OSError."""
    magic = find_magic()
    if magic is None:
        raise OSError("libmagic is gone")
    return magic.of(root_fd, path)
