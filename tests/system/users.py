"""A user who does random things to a folder's files, as fast as a person's programs would at their worst.

Users of one folder take turns (a lock), so that the ledger knows the order of what they did; the folder's
daemon, and the users of the other folder, do not take turns with anybody.
"""

import errno
import os
import random
import stat
import threading
from collections.abc import Callable
from pathlib import Path

from .ledger import Ledger
from .worktree import join

NAMES = [b"notes.txt", b"todo.txt", b"data.bin", b"film.bin", b"-x", b"\xff\n", b"run.sh", "ü".encode()]
DIRECTORIES = [b"", b"work", b"work/deep", b"home", b"home/pictures"]
_MISHAPS = (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError)


class User:
    """One user of a folder; `act()` does one random thing, which follows from the seed and from what the
    user finds in the folder."""

    def __init__(self, folder: Path, ledger: Ledger, turn: threading.Lock, seed: str) -> None:
        self._folder = folder
        self._ledger = ledger
        self._turn = turn
        self._chance = random.Random(seed)
        self._name = seed
        self._count = 0
        self.done: dict[str, int] = {}
        self._habits: list[tuple[Callable[[], None], int]] = [
            (self._write, 25),
            (self._append, 25),
            (self._save_atomically, 20),
            (self._rename, 8),
            (self._move_directory, 4),
            (self._delete, 8),
            (self._chmod, 5),
            (self._symlink, 5),
        ]

    def run(self, stop: threading.Event) -> None:
        """Acts until told to stop, with pauses of 0 to 40 ms."""
        while not stop.wait(self._chance.choice([0, 0.002, 0.01, 0.04])):
            self.act()

    def act(self) -> None:
        """One action. That a file or directory is gone meanwhile, or another kind, is a mishap, no error."""
        action = self._chance.choices([a for a, _ in self._habits], [w for _, w in self._habits])[0]
        with self._turn:
            try:
                action()
            except _MISHAPS:
                return
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.ENOTEMPTY, errno.EINVAL):
                    raise
                return
        name = action.__name__.strip("_")
        self.done[name] = self.done.get(name, 0) + 1

    # choosing

    def _any_path(self) -> bytes:
        directory = self._chance.choice(DIRECTORIES)
        return os.path.join(directory, self._chance.choice(NAMES))

    def _existing(self) -> bytes:
        """A file that is there; raises FileNotFoundError when there is none."""
        found: list[bytes] = []
        root = os.fsencode(self._folder)
        for top, directories, names in os.walk(root):
            directories[:] = [name for name in directories if name != b".git"]
            found += [os.path.relpath(os.path.join(top, name), root) for name in names]
        if not found:
            raise FileNotFoundError
        return self._chance.choice(sorted(found))

    def _content(self, path: bytes) -> bytes:
        """Unlike anything written before: lines for a text, else bytes, sometimes enough for the annex."""
        self._count += 1
        title = f"{self._name} {self._count} ".encode()
        if path.endswith(b".bin"):
            size = self._chance.choice([0, 100, 4000, 4000, 150_000])
            return title + b"\0" + self._chance.randbytes(size)
        return title + b"\n" + b"".join(b"line %d\n" % n for n in range(self._chance.randrange(12)))

    # acting

    def _write(self) -> None:
        path = self._any_path()
        content = self._content(path)
        os.makedirs(os.path.dirname(join(self._folder, path)), exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        half = len(content) // 2
        file = os.open(join(self._folder, path), flags, 0o644)
        try:
            os.write(file, content[:half])
            os.write(file, content[half:])
        finally:
            os.close(file)
        self._ledger.wrote(path, content)

    def _append(self) -> None:
        path = self._existing()
        file = os.open(join(self._folder, path), os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode) or os.pread(file, 15, 0) == b"/annex/objects/":
                return  # the content of a large file has not come yet: its user waits for it
            os.write(file, b"appended by " + self._content(b""))
            content = os.pread(file, os.fstat(file).st_size, 0)
        finally:
            os.close(file)
        self._ledger.wrote(path, content)

    def _save_atomically(self) -> None:
        path = self._any_path()
        content = self._content(path)
        target = join(self._folder, path)
        aside = target + b".%d.new" % self._count
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(aside, "xb") as file:
            file.write(content)
        try:
            os.rename(aside, target)
        except OSError:
            os.unlink(aside)
            raise
        self._ledger.wrote(path, content)

    def _rename(self) -> None:
        source, target = self._existing(), self._any_path()
        os.makedirs(os.path.dirname(join(self._folder, target)), exist_ok=True)
        os.rename(join(self._folder, source), join(self._folder, target))
        if source != target:
            self._ledger.renamed(source, target)

    def _move_directory(self) -> None:
        source = self._chance.choice(DIRECTORIES[1:])
        target = os.path.join(self._chance.choice(DIRECTORIES), b"moved %d" % self._chance.randrange(3))
        if os.path.islink(join(self._folder, source)) or os.path.lexists(join(self._folder, target)):
            return
        os.makedirs(os.path.dirname(join(self._folder, target)), exist_ok=True)
        os.rename(join(self._folder, source), join(self._folder, target))
        self._ledger.renamed(source, target)

    def _delete(self) -> None:
        path = self._existing()
        os.unlink(join(self._folder, path))
        self._ledger.removed(path)

    def _chmod(self) -> None:
        path = self._existing()
        if not os.path.islink(join(self._folder, path)):
            os.chmod(join(self._folder, path), self._chance.choice([0o644, 0o755]))

    def _symlink(self) -> None:
        path = self._any_path()
        os.symlink(self._chance.choice([b"notes.txt", b"../nowhere", b"work"]), join(self._folder, path))
