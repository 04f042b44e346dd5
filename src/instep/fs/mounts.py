"""What is mounted: a change is told by the kernel at once, and nothing is polled."""

import os
import re
import select

from instep.core.types import RelPath

_ESCAPED = re.compile(rb"\\([0-7]{3})")


class MountChanges:
    """Readable (`fileno`) when something was mounted or unmounted; `read` makes it wait for the next time."""

    def __init__(self) -> None:
        self._mounts = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
        self._epoll = select.epoll()  # the file itself is always readable; its priority data are the news
        self._epoll.register(self._mounts, select.EPOLLPRI)

    def fileno(self) -> int:
        return self._epoll.fileno()

    def read(self) -> None:
        """Waiting begins anew (the kernel tells of a change once, and may have done so already)."""
        self._epoll.poll(0)

    def close(self) -> None:
        self._epoll.close()
        os.close(self._mounts)


def mounts_below(root: bytes) -> dict[RelPath, int]:
    """The mount points below a directory, each with the number of its mount (proc(5))."""
    found: dict[RelPath, int] = {}
    with open("/proc/self/mountinfo", "rb") as lines:
        for line in lines:
            number, _, _, _, point, _ = line.split(b" ", 5)
            point = _ESCAPED.sub(lambda escaped: bytes([int(escaped[1], 8)]), point)
            if point.startswith(root + b"/"):
                found[RelPath(point[len(root) + 1 :])] = int(number)
    return found
