"""Does any program have a file open for writing?

A read lease (`fcntl(F_SETLEASE, F_RDLCK)`) is granted only when nobody has: no descriptor, by whatever hard
link, and no shared writable mapping. While it is held, whoever opens the file for writing, or truncates it,
waits until it is given back (a non-blocking open gets EAGAIN), so it is held for microseconds only.
The kernel tells the holder of such a wait by a signal, SIGIO by default, which would end the process: it is
asked to send SIGURG instead, which is ignored unless someone asks for it.
"""

import errno
import fcntl
import signal
from enum import Enum


class Writers(Enum):
    """Who writes: `UNKNOWN` where the kernel does not say (somebody else's file, NFS, FUSE)."""

    NONE = "none"
    OPEN = "open"
    UNKNOWN = "unknown"


_NO_ANSWER = frozenset(
    {errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}
)


def take(fd: int) -> Writers:
    """Takes the lease; NONE: it is held and must be given back. `fd` is a regular file's, O_RDONLY."""
    try:
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        if error.errno == errno.EAGAIN:
            return Writers.OPEN
        if error.errno in _NO_ANSWER:
            return Writers.UNKNOWN
        raise
    return Writers.NONE


def give_back(fd: int) -> None:
    """Ends a lease that `take` got (closing `fd` ends it too); one that the kernel broke is no error."""
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        if error.errno != errno.EAGAIN:
            raise


def writer_state(fd: int) -> Writers:
    """Looks whether someone has the file of `fd` (O_RDONLY) open for writing; holds nothing afterwards."""
    state = take(fd)
    if state is Writers.NONE:
        give_back(fd)
    return state
