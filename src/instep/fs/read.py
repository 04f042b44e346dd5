"""Reading a file so that what was read is what the file was at one moment (I9).

Small files are read under a lease, so that nobody can write meanwhile; large ones are streamed between two
looks at size, times and writers, with no lease held, for that would make programs wait.
What stands in the way of a capture is one of the NotCaptured classes; any other OSError (EACCES, EIO) says
nothing about the file and must never be taken for its absence (I2).
"""

import errno
import os
import stat
from collections.abc import Callable, Sequence
from typing import NamedTuple

from instep.core.status import shown
from instep.core.types import RelPath
from instep.fs import lease
from instep.fs.beneath import lstat_beneath, open_beneath, stat_hint
from instep.fs.copying import cloned
from instep.fs.identity import Identity
from instep.fs.lease import Writers
from instep.fs.pour import Hasher, pour

__all__ = [
    "Captured",
    "ChangedMeanwhile",
    "Gone",
    "Hasher",
    "NotCaptured",
    "NotRegular",
    "StillOpen",
    "TooLarge",
    "hash_stable",
    "identify",
    "open_beneath",
    "read_link",
    "read_stable",
    "refuse_open",
    "stat_beneath",
]

_HELD_MAX_BYTES = 1 << 20  # up to here a lease is held while reading: well under a millisecond
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC  # NONBLOCK: a FIFO must not hold us
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


class NotCaptured(Exception):
    """The file can't be taken as it is at this moment."""

    reason = "can't be read"

    def __init__(self, path: RelPath) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{shown(self.path)} {self.reason}"


class StillOpen(NotCaptured):
    """Its closing will be reported."""

    reason = "is still open for writing"


class ChangedMeanwhile(NotCaptured):
    """Try again."""

    reason = "changed while it was read"


class NotRegular(NotCaptured):
    """A link, directory, FIFO, socket or device: see `identity`."""

    reason = "is not a regular file"

    def __init__(self, path: RelPath, identity: Identity) -> None:
        super().__init__(path)
        self.identity = identity


class Gone(NotCaptured):
    """Proven: the kernel says that there is no such name below the root (I2)."""

    reason = "is not there"


class TooLarge(NotCaptured):
    """To be streamed instead."""

    reason = "is larger than what is read at once"


class Captured(NamedTuple):
    """A file as it was at one moment."""

    identity: Identity
    data: bytes
    """All of it; empty if it was streamed."""
    writers: Writers
    """UNKNOWN: only size and times spoke for it; OPEN only when the caller insisted."""
    settled: bool
    """False only when the caller insisted and the file changed, or may have, while it was read."""


def identify(root_fd: int, path: RelPath) -> Identity:
    """What stands at `path` now, links not followed. Raises Gone."""
    try:
        return Identity.of(lstat_beneath(root_fd, path))
    except OSError as error:
        raise _gone_or(error, path) from None


def stat_beneath(root_fd: int, path: RelPath) -> os.stat_result | None:
    """`lstat` of a path below the root; None is proven absence (I2), anything else is an OSError."""
    try:
        return lstat_beneath(root_fd, path)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise


def read_link(root_fd: int, path: RelPath) -> tuple[Identity, bytes]:
    """A symbolic link's target. Raises Gone, NotRegular (it isn't a link)."""
    try:
        fd = open_beneath(root_fd, path, os.O_PATH)
    except OSError as error:
        raise _gone_or(error, path) from None
    try:
        identity = Identity.of(os.fstat(fd))
        if not identity.is_link:
            raise NotRegular(path, identity)
        return identity, os.readlink(b"", dir_fd=fd)
    finally:
        os.close(fd)


def read_stable(root_fd: int, path: RelPath, *, limit: int | None = None, insist: bool = False) -> Captured:
    """The file's content as it was at one moment.

    Raises StillOpen, ChangedMeanwhile, NotRegular, Gone, TooLarge (more than `limit` bytes); with `insist`
    neither of the first two (I9: a file that keeps changing is captured at a maximum age). Blocks only as
    long as the disk does.
    """
    with _Opened(root_fd, path) as opened:
        fd = opened.fd
        writers = lease.take(fd)
        try:
            if writers is Writers.OPEN and not insist:
                raise StillOpen(path)
            before = os.fstat(fd)
            if limit is not None and before.st_size > limit:
                raise TooLarge(path)
            if before.st_size > _HELD_MAX_BYTES and writers is Writers.NONE:
                lease.give_back(fd)
            data = _read_all(fd, before.st_size)
        finally:
            if writers is Writers.NONE:
                lease.give_back(fd)
        return opened.finish(before, data, writers, insist)


def hash_stable(
    root_fd: int,
    path: RelPath,
    hashers: Sequence[Hasher],
    *,
    copy_to: int | None = None,
    insist: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Captured:
    """Streams a file through all `hashers` and, if given, into the empty file `copy_to`.

    A file system that can clone shares the blocks, and the clone is what is hashed. `progress` gets the bytes
    done after each block and may raise to give up. Raises as read_stable; what `copy_to` then holds is junk.
    With `insist` the digests are those of what was copied, torn or not.
    """
    with _Opened(root_fd, path) as opened:
        writers = lease.writer_state(opened.fd)
        if writers is Writers.OPEN and not insist:
            raise StillOpen(path)
        before = os.fstat(opened.fd)
        if copy_to is not None and cloned(copy_to, opened.fd):
            pour(copy_to, hashers, progress=progress)
        else:
            pour(opened.fd, hashers, () if copy_to is None else (copy_to,), progress=progress)
        return opened.finish(before, None, writers, insist)


def refuse_open(root_fd: int, path: RelPath) -> None:
    """Raises StillOpen if some program has the file open for writing; NotRegular, Gone."""
    with _Opened(root_fd, path) as opened:
        if lease.writer_state(opened.fd) is Writers.OPEN:
            raise StillOpen(path)


class _Opened:
    """One regular file, open; its name is looked up again at the end."""

    __slots__ = ("_path", "_root_fd", "fd")

    def __init__(self, root_fd: int, path: RelPath) -> None:
        self._root_fd = root_fd
        self._path = path
        try:
            # A device or FIFO is not even opened: that alone can have effects.
            st = stat_hint(root_fd, path)
            if not stat.S_ISREG(st.st_mode):
                raise NotRegular(path, identify(root_fd, path))
            self.fd = open_beneath(root_fd, path, _READ)
        except BlockingIOError:  # somebody else holds a lease for writing
            raise StillOpen(path) from None
        except OSError as error:
            raise _gone_or(error, path) from None

    def __enter__(self) -> "_Opened":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)

    def finish(self, before: os.stat_result, data: bytes | None, writers: Writers, insist: bool) -> Captured:
        """Looks again (I9): same file at the name, same size and times, no writer if it was not held."""
        identity = Identity.of(before)
        settled = Identity.of(os.fstat(self.fd)) == identity and (data is None or len(data) == identity.size)
        settled = settled and stat.S_ISREG(before.st_mode) and self._name_still_means(identity)
        if settled and (data is None or len(data) > _HELD_MAX_BYTES):
            settled = lease.writer_state(self.fd) is not Writers.OPEN
        if not settled and not insist:
            raise ChangedMeanwhile(self._path)
        return Captured(identity, data or b"", writers, settled and writers is not Writers.OPEN)

    def _name_still_means(self, identity: Identity) -> bool:
        try:
            st = stat_hint(self._root_fd, self._path)
        except OSError:
            return False
        return (st.st_dev, st.st_ino) == (identity.dev, identity.ino)


def _gone_or(error: OSError, path: RelPath) -> Exception:
    return Gone(path) if error.errno in _ABSENT else error


def _read_all(fd: int, size: int) -> bytes:
    """All there is up to one byte more than `size`, which tells that the file grew."""
    data = os.read(fd, size + 1)
    if len(data) >= size or not data:
        return data
    parts = [data]
    left = size + 1 - len(data)
    while left > 0 and (data := os.read(fd, left)):
        parts.append(data)
        left -= len(data)
    return b"".join(parts)
