"""A disk of one's own to pull the plug of: a file system in a file.

What was written and not synced is in the kernel's memory only, for its own writing out is put off for longer
than any test runs. So a copy of the file, taken as it is, is what a power cut at this moment would have left.
Needs root.
"""

import os
import shutil
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .harness import eventually

SIZE_BYTES = 256 << 20


@dataclass(frozen=True)
class Kind:
    """How a file system is made, and mounted so that it writes by itself as late as it can."""

    make: Sequence[str]
    mount: str
    size_bytes: int = SIZE_BYTES
    clones: bool = False
    """Whether a file's content can be shared with another file."""


EXT4 = Kind(
    ("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0"),
    "loop,noatime,commit=600,errors=remount-ro",
)
KINDS = {
    "ext4": EXT4,
    "xfs": Kind(("mkfs.xfs", "-q"), "loop,noatime,nouuid", 600 << 20, clones=True),
    "btrfs": Kind(("mkfs.btrfs", "-q"), "loop,noatime,commit=300", 600 << 20, clones=True),
}


class Disk:
    """Mounted at `place` until `close`."""

    def __init__(self, place: Path, size_bytes: int = 0, *options: str, kind: Kind = EXT4) -> None:
        """`options`: more for who makes the file system."""
        self.place = place
        self.kind = kind
        self._image = place.with_name(place.name + ".image")
        place.mkdir(parents=True)
        with open(self._image, "wb") as file:
            file.truncate(size_bytes or kind.size_bytes)
        _run(*kind.make, *options, self._image)
        self._mount()

    def cut_power(self) -> None:
        """Everything that is not on the disk by now is gone. Nothing may run there any more."""
        left = self._image.with_suffix(".left")
        _run("cp", "--sparse=always", self._image, left)
        self._unmount()
        left.replace(self._image)
        self._mount()

    def sync(self) -> None:
        """Nothing is in the kernel's memory only."""
        _run("sync", "--file-system", self.place)

    def become_read_only(self) -> None:
        """As after an error of the disk, whatever is open for writing; until it is mounted again."""
        device = Path(_said("findmnt", "--noheadings", "--output", "SOURCE", self.place))
        (Path("/sys/fs/ext4") / device.name / "trigger_fs_error").write_text("a test\n")

    def let_go(self) -> None:
        """Unmounted for all who look for it now; see `mount_again`."""
        _run("umount", "--lazy", self.place)

    def mount_again(self) -> bool:
        """After a lazy unmount: only once nobody has anything of it open, for else it is mounted still."""
        ask = ["losetup", "--associated", self._image]
        if subprocess.run(ask, capture_output=True, check=True).stdout:
            return False
        subprocess.run(["fsck.ext4", "-p", self._image], capture_output=True, check=False)  # 1: it mended
        self._mount()
        return True

    def close(self) -> None:
        self._unmount()
        self._image.unlink()

    def _mount(self) -> None:
        _run("mount", "-o", self.kind.mount, self._image, self.place)

    def _unmount(self) -> None:
        """A git that was killed with its master may take a moment to go."""
        eventually(lambda: not os.path.ismount(self.place) or _succeeds("umount", self.place), "unmounted")


@contextmanager
def whole_seconds(above: Path) -> Generator[Path]:
    """A place where the times of files are whole seconds: the inodes of this ext4 have no room for more."""
    disk = Disk(above / "disk", 0, "-I", "128")
    try:
        yield disk.place
    finally:
        disk.close()


def can_have_disks() -> bool:
    """Whether this user may mount."""
    return os.geteuid() == 0 and shutil.which("mkfs.ext4") is not None


def kinds() -> list[str]:
    """The kinds that this kernel has."""
    if shutil.which("modprobe") is not None:
        subprocess.run(["modprobe", "--quiet", "--all", *KINDS], check=False)
    known = Path("/proc/filesystems").read_text().split()
    return [name for name in KINDS if name in known]


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, (command, done.stderr.decode(errors="replace"))


def _said(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, check=True).stdout.decode().strip()


def _succeeds(*command: str | Path) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
