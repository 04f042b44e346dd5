"""Random bursts of file operations in a folder, from a seed: what a thoughtless user and his programs do."""

import contextlib
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

NAMES = ["a", "b", "c", "d", "ignored-x", "e.txt", "f.txt"]


class Burst:
    """`run(n)` does n operations; those that can't be done are no matter."""

    def __init__(self, root: Path, seed: int) -> None:
        self._root = root
        self._chance = random.Random(seed)
        self._acts: list[Callable[[], None]] = [
            *[self._write] * 4,
            *[self._move_file, self._move_directory, self._delete_tree, self._delete, self._symlink],
            *[self._link_into_place, self._truncate, self._chmod, self._fifo, self._save_atomically],
            *[self._make_repository, self._unmake_repository],
        ]

    def run(self, count: int) -> None:
        for _ in range(count):
            with contextlib.suppress(OSError):
                self._chance.choice(self._acts)()

    def _directory(self) -> Path:
        path = self._root
        while self._chance.random() < 0.6:
            path /= self._chance.choice(NAMES[:5])
        return path

    def _file(self) -> Path:
        return self._directory() / self._chance.choice(NAMES)

    def _put(self, path: Path) -> Path:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK)  # a FIFO must not hold us
        os.write(fd, self._chance.randbytes(5))
        os.close(fd)
        return path

    def _write(self) -> None:
        directory = self._directory()
        directory.mkdir(parents=True, exist_ok=True)
        self._put(directory / self._chance.choice(NAMES))

    def _move_file(self) -> None:
        os.rename(self._file(), self._file())

    def _move_directory(self) -> None:
        os.rename(self._directory(), self._file())

    def _delete_tree(self) -> None:
        directory = self._directory()
        if directory != self._root and directory.is_dir():
            shutil.rmtree(directory)

    def _delete(self) -> None:
        self._file().unlink()

    def _symlink(self) -> None:
        self._file().symlink_to("x")

    def _link_into_place(self) -> None:
        spare = self._put(self._directory() / ".spare")
        os.link(spare, self._file())
        spare.unlink()

    def _truncate(self) -> None:
        os.truncate(self._file(), self._chance.randrange(9))

    def _chmod(self) -> None:
        file = self._file()
        if not file.is_dir():
            file.chmod(self._chance.choice([0o644, 0o755]))

    def _fifo(self) -> None:
        os.mkfifo(self._file())

    def _save_atomically(self) -> None:
        file = self._file()
        os.rename(self._put(file.with_name(".tmp")), file)

    def _make_repository(self) -> None:
        directory = self._directory()
        if directory != self._root:
            (directory / ".git").mkdir()

    def _unmake_repository(self) -> None:
        directory = self._directory()
        if directory != self._root:
            (directory / ".git").rmdir()
