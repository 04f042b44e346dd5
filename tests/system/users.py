"""A user who does random things to a folder's files, as fast as a person's programs would at their worst.

Users of one folder take turns (a lock), so that the ledger knows the order of what they did; the folder's
daemon, and the users of the other folder, do not take turns with anybody.
"""

import os
import random
import threading
from collections.abc import Callable
from pathlib import Path

from .hands import Hands
from .ledger import Ledger

NAMES = [b"notes.txt", b"todo.txt", b"data.bin", b"film.bin", b"-x", b"\xff\n", b"run.sh", "ü".encode()]
DIRECTORIES = [b"", b"work", b"work/deep", b"home", b"home/pictures"]


class User:
    """One user of a folder; `act()` does one random thing, which follows from the seed and from what the
    user finds in the folder."""

    def __init__(self, folder: Path, ledger: Ledger, turn: threading.Lock, seed: str) -> None:
        self._folder = folder
        self._hands = Hands(folder, ledger, seed)
        self._turn = turn
        self._chance = random.Random(seed)
        self.done: dict[str, int] = {}
        self._habits: list[tuple[Callable[[], bool], int]] = [
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
        """One action, or a mishap."""
        action = self._chance.choices([a for a, _ in self._habits], [w for _, w in self._habits])[0]
        with self._turn:
            if action():
                name = action.__name__.strip("_")
                self.done[name] = self.done.get(name, 0) + 1

    # choosing

    def _any_path(self) -> bytes:
        directory = self._chance.choice(DIRECTORIES)
        return os.path.join(directory, self._chance.choice(NAMES))

    def _existing(self) -> bytes:
        """A file that is there; any path when there is none."""
        found: list[bytes] = []
        root = os.fsencode(self._folder)
        for top, directories, names in os.walk(root):
            directories[:] = [name for name in directories if name != b".git"]
            found += [os.path.relpath(os.path.join(top, name), root) for name in names]
        return self._chance.choice(sorted(found)) if found else self._any_path()

    def _content(self, path: bytes) -> bytes:
        """Sometimes enough for the annex."""
        sizes = [0, 100, 4000, 4000, 150_000] if path.endswith(b".bin") else [8 * n for n in range(12)]
        return self._hands.content(path, self._chance.choice(sizes))

    # acting

    def _write(self) -> bool:
        path = self._any_path()
        return self._hands.write(path, self._content(path))

    def _append(self) -> bool:
        return self._hands.append(self._existing(), b"appended by " + self._content(b""))

    def _save_atomically(self) -> bool:
        path = self._any_path()
        return self._hands.save(path, self._content(path))

    def _rename(self) -> bool:
        return self._hands.rename(self._existing(), self._any_path())

    def _move_directory(self) -> bool:
        target = os.path.join(self._chance.choice(DIRECTORIES), b"moved %d" % self._chance.randrange(3))
        return self._hands.move_directory(self._chance.choice(DIRECTORIES[1:]), target)

    def _delete(self) -> bool:
        return self._hands.delete(self._existing())

    def _chmod(self) -> bool:
        return self._hands.chmod(self._existing(), self._chance.choice([False, True]))

    def _symlink(self) -> bool:
        return self._hands.symlink(
            self._any_path(), self._chance.choice([b"notes.txt", b"../nowhere", b"work"])
        )
