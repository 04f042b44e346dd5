"""A folder to do things to, open by descriptor as all of fs/ wants it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from instep.core.types import RelPath


@dataclass(frozen=True)
class Root:
    """A folder below which tests make files."""

    path: Path
    fd: int

    @property
    def name(self) -> bytes:
        return os.fsencode(self.path)

    def file(self, path: bytes, content: bytes = b"") -> RelPath:
        """Makes a file, and directories above it as needed."""
        where = self.at(path)
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_bytes(content)
        return RelPath(path)

    def at(self, path: bytes) -> Path:
        return self.path / os.fsdecode(path)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    path = tmp_path / "root"
    path.mkdir()
    fd = os.open(path, os.O_PATH | os.O_DIRECTORY)
    yield Root(path, fd)
    os.close(fd)
