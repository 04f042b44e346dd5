"""Which files are pointers without content: remembered, so that a start need not read every small file.

Only reading tells a pointer from any other small file. So when the folder is settled, its pointers are
written down with the time and with the identity of git's index. As long as the index is that very file, they
are all there are; if it is another one, git or git-annex was at work, and what it wrote has younger times.
The book is a cache: without it every small file is read once.
"""

import os
import time
from collections.abc import Iterable
from contextlib import suppress

import msgspec

from instep.core.types import RelPath
from instep.fs.identity import Identity
from instep.git.errors import UnsupportedIndex
from instep.git.index import changed_since
from instep.git.repository import Repository

_MARGIN_S = 2
"""File systems' clocks tick slower than ours."""


class _Book(msgspec.Struct, array_like=True):
    version: int
    checked_s: int
    index: tuple[int, ...]
    paths: list[bytes]


class PointerBook:
    """One folder's book. Blocking."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._file = repo.private + b"/pointers"

    def suspects(self) -> set[RelPath] | None:
        """Every file that may be a pointer, of those that are as git's index says; None: any may be."""
        try:
            with open(self._file, "rb") as file:
                book = msgspec.msgpack.decode(file.read(), type=_Book)
            if book.version != 1 or book.checked_s > time.time():
                return None  # a clock that went back: times say nothing
            suspects = {RelPath(path) for path in book.paths}
            if book.index != self._index():
                suspects |= changed_since(self._repo, book.checked_s - _MARGIN_S)
        except (FileNotFoundError, msgspec.DecodeError, UnsupportedIndex):
            return None
        return suspects

    def write(self, checked_s: float, paths: Iterable[RelPath]) -> None:
        """These are all pointers without content; at `checked_s` nothing was waiting to be looked at."""
        book = _Book(1, int(checked_s), self._index(), sorted(paths))
        aside = self._file + b".new"
        with suppress(OSError):  # a cache
            with open(aside, "wb") as file:
                file.write(msgspec.msgpack.encode(book))
            os.rename(aside, self._file)

    def _index(self) -> tuple[int, ...]:
        try:
            return tuple(Identity.of(os.stat(self._repo.git_dir + b"/index")))
        except FileNotFoundError:
            return ()
