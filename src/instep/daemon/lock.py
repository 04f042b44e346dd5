"""The lock of one repository: whoever holds it is the one process that keeps the folder in step.

A POSIX record lock on `.git/instep/lock`: the kernel drops it when the process ends, however it ends, and
tells anyone who asks which process holds it. The file also names the process, for people.
"""

import fcntl
import os
import struct
from contextlib import suppress
from pathlib import Path

from instep.core.errors import InstepError
from instep.daemon.places import lock_file

_FLOCK = struct.Struct("hhqqi")  # struct flock: type, whence, start, length, pid


class AlreadyRunning(InstepError):
    """Another process keeps this folder in step."""

    def __init__(self, root: Path, pid: int) -> None:
        super().__init__(f"{root} is being kept in step already, by process {pid}.", "Look: instep status")
        self.pid = pid


class FolderLock:
    """Holds the lock until `release`, or until the process ends. Never open the lock file elsewhere in the
    same process: closing any of its descriptors would drop the lock."""

    def __init__(self, root: Path, git_dir: Path) -> None:
        """Take it. Raises AlreadyRunning, OSError."""
        self._root = root
        self._fd = -1
        self.take(git_dir)

    def take(self, git_dir: Path) -> None:
        """Take it again after `release`: of what is there now. Raises AlreadyRunning, OSError."""
        path = lock_file(git_dir)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            self.release()
            raise AlreadyRunning(self._root, holder(git_dir) or 0) from None
        with suppress(OSError):  # for people only, and the disk may be full
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Give it back; the file stays, as the mark of a folder that was kept in step. Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def holder(git_dir: Path) -> int | None:
    """The id of the process that holds the lock; None if nobody does, or this process itself."""
    return _holder_of(lock_file(git_dir))


def assistant(git_dir: Path) -> int | None:
    """The id of the git-annex assistant that keeps this repository, which locks its pid file likewise."""
    return _holder_of(git_dir / "annex/daemon.pid")


def _holder_of(path: Path) -> int | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_GETLK, asked))
    finally:
        os.close(fd)
    return None if kind == fcntl.F_UNLCK else pid
