"""How finely the times of files tell changes apart.

Linux 6.13 and later give every change that a `stat` could tell apart a time of its own, on ext4, xfs, btrfs
and tmpfs ("multigrain timestamps", `Documentation/filesystems/multigrain-ts.rst` in the kernel). Before that,
and elsewhere, all changes within one tick of the kernel's clock (1 to 10 ms) have the same times; on ext4
with inodes of 128 bytes, ext3 and HFS+ all within a second, on FAT within two. What was read in the same
grain as it was written may be written once more, and look just the same.
"""

import contextlib
import os
import time
from collections.abc import Sequence
from itertools import pairwise

from instep.fs.identity import Identity

TICK_NS = 20_000_000
"""Two of the kernel's longest ticks."""
COARSE_NS = 2_100_000_000
"""A little more than FAT's two seconds."""

_SHORTEST_TICK_NS = 900_000
_SECOND_NS = 1_000_000_000
_TRIES = 8


class Grain:
    """Of the file system with device number `dev`; any other's is taken for the coarsest. `ns` of 0: there is
    none."""

    def __init__(self, dev: int, ns: int) -> None:
        self._dev = dev
        self._ns = ns

    @classmethod
    def measure(cls, directory: bytes) -> "Grain":
        """Writes a file there a few times. The coarsest where that can't be done."""
        file = directory + b"/grain"
        try:
            fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError:
            return cls(-1, COARSE_NS)
        try:
            os.unlink(file)
            times_ns = [_write(fd) for _ in range(_TRIES)]
            skew_ns = abs(time.time_ns() - times_ns[-1])
            return cls(os.fstat(fd).st_dev, grain_ns(times_ns, skew_ns))
        except OSError:
            return cls(-1, COARSE_NS)
        finally:
            with contextlib.suppress(OSError):
                os.close(fd)

    @property
    def s(self) -> float:
        """In seconds."""
        return self._ns / _SECOND_NS

    def hides(self, identity: Identity, since_ns: int, *, placed: bool = False) -> bool:
        """Whether a file that was looked at or put in place then (after the epoch) or later may have changed
        since and still have this identity. What we `placed` has its ctime from us."""
        ns = self._ns if identity.dev == self._dev else COARSE_NS
        if not ns:
            return False
        times_ns = (identity.mtime_ns,) if placed else (identity.mtime_ns, identity.ctime_ns)
        return any(since_ns - ns <= at_ns <= time.time_ns() + ns for at_ns in times_ns)


def _write(fd: int) -> int:
    os.pwrite(fd, b"x", 0)
    return os.fstat(fd).st_mtime_ns


def grain_ns(times_ns: Sequence[int], skew_ns: int) -> int:
    """What the times of writes one after another tell. Their clock is so far from ours."""
    gaps_ns = [later - earlier for earlier, later in pairwise(times_ns)]
    if 0 < min(gaps_ns) < _SHORTEST_TICK_NS:
        return 0
    ns = TICK_NS if any(at_ns % _SECOND_NS for at_ns in times_ns) else COARSE_NS
    return ns if skew_ns <= ns else ns + skew_ns
