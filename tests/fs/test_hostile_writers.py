"""No edit of a program that writes while we install is lost: I1, I5. See `hostile.py` for the programs."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from instep.core.types import RelPath
from instep.fs.durable import Batch
from instep.fs.identity import Identity
from instep.fs.install import Refused, Rescued, WorkTree
from instep.fs.read import ChangedMeanwhile, Gone, StillOpen, read_stable

from .hostile import SLOT_BYTES, SLOTS, SLOTS_START

SECONDS = 1.2
FILE = RelPath(b"dir/file")

WRITERS = [
    ["append"] * 3,
    ["slow"] * 2,
    ["editor"],
    ["mmap"],
    ["truncate"],
    ["append", "slow", "append"],
]


@dataclass
class Clock:
    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Folder:
    """A work tree whose one file is committed and merged in a loop; what a history would hold is `known`."""

    top: Path
    clock: Clock = field(default_factory=Clock)
    known: set[bytes] = field(default_factory=set[bytes])
    installs: int = 0
    refusals: int = 0

    def __post_init__(self) -> None:
        self.file = self.top / "root" / os.fsdecode(FILE)
        self.file.parent.mkdir(parents=True)
        self.file.write_bytes(b"0".ljust(SLOTS_START) + b" " * (SLOTS * SLOT_BYTES))
        self.private = os.fsencode(self.top / "private")
        os.mkdir(self.private)
        self.tree = WorkTree(os.fsencode(self.top / "root"), self.private, self.clock)
        self.batch = Batch(self.private + b"/staging")

    def commit(self) -> bytes:
        data = read_stable(self.tree.root_fd, FILE).data
        self.known.add(data)
        return data

    def install_once(self, change: Callable[[bytes], bytes]) -> None:
        """Commits what is there, merges something into it, installs that."""
        try:
            base = self.commit()
            staged = self.batch.write(change(base))
            self.tree.replace(FILE, staged, holds(base))
            self.installs += 1
        except (StillOpen, ChangedMeanwhile, Refused, Gone):
            self.refusals += 1
        self.clock.now_s += 0.01
        self.keep(self.tree.settle())

    def keep(self, rescued: list[Rescued]) -> None:
        for path, file in rescued:
            assert path == FILE
            self.known.add(Path(os.fsdecode(file)).read_bytes())
            self.tree.discard_leftover(file)


def holds(content: bytes) -> Callable[[bytes, Identity], bool]:
    def is_base(file: bytes, identity: Identity) -> bool:
        with open(file, "rb") as opened:
            return opened.read() == content

    return is_base


def count_up(data: bytes) -> bytes:
    """A merge that keeps every edit: only the head changes."""
    head = data[:SLOTS_START].strip()
    return (b"%d" % (int(head) + 1 if head.isdigit() else 1)).ljust(SLOTS_START) + data[SLOTS_START:]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    folder = Folder(tmp_path)
    yield folder
    folder.batch.close()
    folder.tree.close()


@pytest.mark.parametrize("kinds", WRITERS, ids="+".join)
def test_no_completed_edit_is_lost(folder: Folder, kinds: list[str]) -> None:
    script = Path(__file__).with_name("hostile.py")
    writers = [
        subprocess.Popen(
            [sys.executable, "-S", script, kind, folder.file, str(SECONDS), str(seed)],
            stdout=(folder.top / f"edits-{seed}").open("wb"),
        )
        for seed, kind in enumerate(kinds)
    ]
    while any(writer.poll() is None for writer in writers):
        folder.install_once(count_up)
    edits = b"".join(file.read_bytes() for file in folder.top.glob("edits-*")).splitlines(keepends=True)
    folder.clock.now_s += 10
    folder.keep(folder.tree.settle())
    folder.commit()
    everything = b"".join(folder.known)

    assert edits
    assert [edit for edit in edits if edit not in everything] == []
    assert folder.tree.leftovers() == []
    assert folder.installs > 0
