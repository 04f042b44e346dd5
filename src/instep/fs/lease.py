"""Does any program have a file open for writing?

A read lease (`fcntl(F_SETLEASE, F_RDLCK)`) is granted only when nobody has: no descriptor, by whatever hard
link, and no shared writable mapping. While it is held, whoever opens the file for writing, or truncates it,
waits until it is given back (a non-blocking open gets EAGAIN), so it is held for microseconds only.
The kernel tells the holder of such a wait by a signal, SIGIO by default, which would end the process: it is
asked to send SIGURG instead, which is ignored unless someone asks for it.
"""

import errno
import fcntl
import os
import signal
import stat
from enum import Enum

from instep.core.types import RelPath
from instep.fs.beneath import lstat_beneath, open_beneath


class Writers(Enum):
    """Who writes: `UNKNOWN` where the kernel does not say (somebody else's file, NFS, FUSE)."""

    NONE = "none"
    OPEN = "open"
    UNKNOWN = "unknown"


_PROBE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW
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


def will_be_closed(root: bytes, path: RelPath) -> bool:
    """Whether a writer has the file open by this very name, so that its closing will be told of that name."""
    try:
        root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        st = lstat_beneath(root_fd, path)
        if not stat.S_ISREG(st.st_mode) or st.st_nlink != 1:
            return False
        fd = open_beneath(root_fd, path, _PROBE)
    except OSError:
        return False
    finally:
        os.close(root_fd)
    try:
        return writer_state(fd) is Writers.OPEN
    finally:
        os.close(fd)
