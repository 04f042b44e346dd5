"""Did the machine stop while this folder was being kept in step?

A file holds the kernel's boot id as long as the process runs. If it is there at the start, with the id of
another boot, then power failed or the kernel crashed: what programs had written and not synced may be lost,
and files may be empty that were not. A process that was merely killed loses nothing of that kind.
"""

import contextlib
import os

_BOOT_ID = "/proc/sys/kernel/random/boot_id"


class RunningMark:
    """The mark in `file`, as it is when this is made."""

    def __init__(self, file: bytes) -> None:
        self._file = file
        self._boot_id = _read(_BOOT_ID) or b""
        self.machine_stopped = _read(file) not in (None, self._boot_id)
        """Whether the machine stopped without warning while a process was at work here."""
        self._has_begun = False

    def begin(self) -> None:
        """A process is at work from now on."""
        with open(self._file, "wb") as file:
            file.write(self._boot_id)
        self._has_begun = True

    def end(self) -> None:
        """It has ended cleanly. One that never got to its work says nothing of the one before."""
        if self._has_begun:
            with contextlib.suppress(OSError):
                os.unlink(self._file)


def _read(file: bytes | str) -> bytes | None:
    try:
        with open(file, "rb") as opened:
            return opened.read().strip()
    except OSError:
        return None
