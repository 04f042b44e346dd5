"""Where a path is on its file system, whichever mount it was reached through (bind mounts, two mounts of one
disk)."""

import os
import re
from typing import NamedTuple


class Location(NamedTuple):
    """A file system's device (`major:minor`) and the path from its own root."""

    device: bytes
    path: bytes

    def is_inside(self, other: "Location") -> bool:
        """Whether this lies in that directory, at any depth."""
        return self.device == other.device and self.path.startswith(other.path.rstrip(b"/") + b"/")


def location(path: str | os.PathLike[str]) -> Location:
    """Of a real, absolute path, which need not exist. Reads /proc/self/mountinfo: 0.1 ms."""
    wanted = os.fsencode(path)
    with open("/proc/self/mountinfo", "rb") as file:
        mounts = [line.split(b" ", 5) for line in file]
    _, device, top, point = max(
        (len(point), device, _plain(top), _plain(point))
        for _, _, device, top, point, _ in mounts
        if _holds(_plain(point), wanted)
    )
    return Location(device, os.path.join(top, wanted[len(point) :].lstrip(b"/")).rstrip(b"/") or b"/")


def _holds(point: bytes, path: bytes) -> bool:
    return path == point or path.startswith(point.rstrip(b"/") + b"/")


def _plain(text: bytes) -> bytes:
    """Without the octal escapes of blanks and backslashes."""
    return re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), text)
