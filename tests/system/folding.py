"""A disk that folds names: `Foo` and `foo` are one file there, as on those of Windows and macOS.

It is a FUSE file system (`folding.c`), for a kernel that folds names is rare where tests run. Needs root.
"""

import os
import subprocess
from pathlib import Path

from .harness import eventually

SOURCE = Path(__file__).with_name("folding.c")
LIBRARY = ("-D_FILE_OFFSET_BITS=64", "-I/usr/include/fuse3", "-lfuse3")


class FoldingDisk:
    """Mounted at `place` until `close`."""

    def __init__(self, place: Path) -> None:
        self._place = place
        program, backing = place.with_name("folding"), place.with_name(place.name + ".backing")
        for directory in (place, backing):
            directory.mkdir()
        _run("gcc", "-O1", "-o", program, SOURCE, *LIBRARY)
        _run(program, backing, place)

    def close(self) -> None:
        """A git that was killed with its master may take a moment to go."""
        eventually(lambda: not os.path.ismount(self._place) or self._unmount(), "unmounted")

    def _unmount(self) -> bool:
        return subprocess.run(["umount", self._place], capture_output=True, check=False).returncode == 0


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, (command, done.stderr.decode(errors="replace"))
