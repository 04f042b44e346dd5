"""The logbook as it grows, told by the kernel: works whether or not the folder's process runs."""

import os
import select
from collections.abc import Generator, Iterator
from pathlib import Path

from instep.daemon.logbook import Line, parse_lines, read_lines
from instep.fs.inotify import IN_CREATE, IN_MODIFY, IN_MOVED_TO, Inotify


def follow_lines(path: Path) -> Generator[list[Line]]:
    """Everything that is there, and then what comes, in pieces. Never ends by itself. The watch stands
    before the first look, so nothing is missed; a rotated file is read to its end first."""
    inotify = Inotify()
    try:
        inotify.add(os.fsencode(path.parent), IN_MODIFY | IN_CREATE | IN_MOVED_TO)
        tail = _Tail(path)
        yield [*_older(path), *tail.read()]
        while True:
            select.select([inotify], [], [])
            inotify.read()
            if lines := tail.read():
                yield lines
    finally:
        inotify.close()


def _older(path: Path) -> Iterator[Line]:
    """The lines of the rotated files only."""
    return read_lines(path, with_current=False)


class _Tail:
    """The current file, from where it was read last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None
        self._torn = b""

    def read(self) -> list[Line]:
        lines = self._rest()
        if not self._is_current():
            self._reopen()
            lines += self._rest()
        return lines

    def _rest(self) -> list[Line]:
        if self._fd is None:
            return []
        data = self._torn
        while piece := os.read(self._fd, 1 << 16):
            data += piece
        whole, newline, self._torn = data.rpartition(b"\n")
        return list(parse_lines(whole + newline))

    def _is_current(self) -> bool:
        try:
            now = os.stat(self._path)
        except FileNotFoundError:
            return self._fd is None
        return self._fd is not None and os.path.samestat(os.fstat(self._fd), now)

    def _reopen(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
        self._fd, self._torn = None, b""
        if self._path.exists():
            self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
