"""One inotify descriptor: watches in, events out. What the events mean is the watcher's business."""

import errno
import os
import struct
from typing import NamedTuple, Protocol

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

SHARED = frozenset(
    {
        *(0x6969, 0x517B, 0xFF534D42, 0xFE534D42),  # nfs, smb, cifs, smb2
        *(0x01021997, 0x65735546, 0x786F4256),  # 9p; fuse (sshfs, virtiofs, a phone); vboxsf
        *(0x00C36400, 0x5346414F, 0x73757245, 0x0BD00BD0),  # ceph, afs, coda, lustre
        *(0x01161970, 0x7461636F),  # gfs2, ocfs2
    }
)
"""File systems (`f_type` of statfs) on which others change files too, of which our kernel tells nothing."""

_GULP_BYTES = 1 << 20
_GULPS = 32
_HEAD = struct.Struct("iIII")


class Event(NamedTuple):
    """One `struct inotify_event`; `name` is empty when it is about the watched directory itself."""

    wd: int
    mask: int
    cookie: int
    name: bytes


class Ears(Protocol):
    """What tells of changes: the kernel, or nobody. Not for several threads at once."""

    hears: bool
    """Whether there is a descriptor to wait for, and any use in adding watches."""
    why: int
    """Why not: an errno, or 0."""

    def fileno(self) -> int: ...
    def add(self, path: bytes, mask: int) -> int: ...
    def remove(self, wd: int) -> None: ...
    def read(self) -> list[Event]: ...
    def close(self) -> None: ...

    def better(self) -> "Ears":
        """Those that can be had now: itself, if it hears."""
        ...


class Deaf:
    """Hears nothing, since the kernel refused (`why`: its errno) or none is wanted (0); all is to be looked
    at."""

    hears = False

    def __init__(self, why: int = 0) -> None:
        self.why = why

    def fileno(self) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    def add(self, path: bytes, mask: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    def remove(self, wd: int) -> None: ...

    def read(self) -> list[Event]:
        return []

    def close(self) -> None: ...

    def better(self) -> Ears:
        return open_ears() if self.why else self


def open_ears() -> Ears:
    """The kernel's; or deaf ones, at its limit of instances and where it has no inotify."""
    try:
        return Inotify()
    except OSError as error:
        if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSYS):
            raise
        return Deaf(error.errno)


class Inotify:
    """Not for several threads at once."""

    hears = True
    why = 0

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

    def better(self) -> Ears:
        return self

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
