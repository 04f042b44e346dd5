"""A stand-in for the commit step: keeps a picture of a folder by looking only where the watcher says."""

import os
import stat
from pathlib import Path

from instep.core.types import RelPath
from instep.fs.grain import Grain
from instep.fs.inotify import Ears
from instep.fs.read import stat_beneath
from instep.fs.scan import scan_beneath
from instep.fs.watcher import Observed, TreeWatcher

ROOT = RelPath(b"")


def grain_of(root: Path) -> Grain:
    """Of the file system on which the folder is."""
    return Grain.measure(os.fsencode(root.parent))


Picture = dict[RelPath, tuple[int, int, bytes]]


def keep_all(path: RelPath, is_directory: bool) -> bool:
    return False


def skip_ignored(path: RelPath, is_directory: bool) -> bool:
    return path.rpartition(b"/")[2].startswith(b"ignored")


def picture(root: Path) -> Picture:
    """What a fresh scan sees."""
    root_fd = os.open(root, os.O_PATH)
    try:
        return {path: seen(root_fd, path, st) for path, st in scan_beneath(root_fd, ROOT, skip_ignored)}
    finally:
        os.close(root_fd)


def seen(root_fd: int, path: RelPath, st: os.stat_result) -> tuple[int, int, bytes]:
    """Inode, mode and content: of a nested repository nothing but that it is a directory."""
    content = b""
    if stat.S_ISREG(st.st_mode):
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK, dir_fd=root_fd)
        content = os.read(fd, 1 << 20)
        os.close(fd)
    elif stat.S_ISLNK(st.st_mode):
        content = os.readlink(path, dir_fd=root_fd)
    elif stat.S_ISDIR(st.st_mode):
        return 0, stat.S_IFDIR, b""
    return st.st_ino, st.st_mode, content


class Follower:
    """Starts from a scan, then believes the watcher."""

    def __init__(self, root: Path, ears: Ears | None = None, grain: Grain | None = None) -> None:
        self.root = root
        self.root_fd = os.open(root, os.O_PATH)
        self.grain = grain or grain_of(root)
        self.watcher = TreeWatcher(os.fsencode(root), skip_ignored, self.grain, ears)
        self.watcher.start()
        self.picture = picture(root)

    def follow(self) -> Observed:
        """One read of the watcher, and a look where it is deaf, resolved by looking."""
        observed = self.watcher.read()
        regained = self.watcher.retry()
        if unheard := self.watcher.unheard:
            seen = self.watcher.look(unheard)
            observed.dirty |= seen.dirty
            observed.scan |= seen.scan
        observed.scan |= regained
        for path in observed.dirty:
            self._look(path)
        for under in observed.scan:
            inside = under + b"/" if under else b""
            for path in [p for p in self.picture if p == under or p.startswith(inside)]:
                del self.picture[path]
            self.picture.update(self._scan(under))
        return observed

    def _scan(self, under: RelPath) -> Picture:
        found: Picture = {}
        for path, st in scan_beneath(self.root_fd, under, skip_ignored):
            try:
                found[path] = seen(self.root_fd, path, st)
            except OSError:
                continue  # moved on: there will be an event
        return found

    def _look(self, path: RelPath) -> None:
        self.picture.pop(path, None)
        try:
            st = stat_beneath(self.root_fd, path)
            if st is not None and not stat.S_ISDIR(st.st_mode):
                self.picture[path] = seen(self.root_fd, path, st)
        except OSError:
            pass

    def close(self) -> None:
        self.watcher.close()
        os.close(self.root_fd)
