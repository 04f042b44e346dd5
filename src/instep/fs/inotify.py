"""One inotify descriptor: watches in, events out. What the events mean is the watcher's business."""

import errno
import os
import struct
from typing import NamedTuple

from instep.fs import syscalls

IN_MODIFY = 0x2
IN_ATTRIB = 0x4
IN_CLOSE_WRITE = 0x8
IN_MOVED_FROM = 0x40
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_DELETE = 0x200
IN_DELETE_SELF = 0x400
IN_MOVE_SELF = 0x800
IN_UNMOUNT = 0x2000
IN_Q_OVERFLOW = 0x4000
IN_IGNORED = 0x8000
IN_ONLYDIR = 0x1000000
IN_DONT_FOLLOW = 0x2000000
IN_EXCL_UNLINK = 0x4000000
IN_ISDIR = 0x40000000

_GULP_BYTES = 1 << 20
_GULPS = 32
_HEAD = struct.Struct("iIII")


class Event(NamedTuple):
    """One `struct inotify_event`; `name` is empty when it is about the watched directory itself."""

    wd: int
    mask: int
    cookie: int
    name: bytes


class Inotify:
    """Not for several threads at once."""

    def __init__(self) -> None:
        self._fd = syscalls.inotify_init()
        self._buffer = bytearray(_GULP_BYTES)

    def fileno(self) -> int:
        return self._fd

    def add(self, path: bytes, mask: int) -> int:
        """Watches a directory; gives the watch descriptor. OSError: ENOSPC (the limit), ENOTDIR, EACCES."""
        return syscalls.inotify_add_watch(self._fd, path, mask)

    def remove(self, wd: int) -> None:
        """Ends a watch; no error if the kernel has done so already."""
        try:
            syscalls.inotify_rm_watch(self._fd, wd)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise

    def read(self) -> list[Event]:
        """All events that wait now (as many as 32 MiB hold; the rest waits on). Never blocks."""
        events: list[Event] = []
        for _ in range(_GULPS):
            try:
                count = os.readv(self._fd, [self._buffer])
            except BlockingIOError:
                break
            self._parse(count, events)
            if count < _GULP_BYTES // 2:  # that was the whole queue
                break
        return events

    def _parse(self, count: int, events: list[Event]) -> None:
        data = bytes(memoryview(self._buffer)[:count])
        unpack, append = _HEAD.unpack_from, events.append
        at = 0
        while at < count:
            wd, mask, cookie, length = unpack(data, at)
            start = at + 16
            at = start + length
            append(Event(wd, mask, cookie, data[start:at].rstrip(b"\0") if length else b""))

    def close(self) -> None:
        """Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
