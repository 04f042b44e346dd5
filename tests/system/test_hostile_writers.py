"""Programs that write without regard for anyone, while merges of the same file arrive, in both directions.

In each folder a program (see `tests/fs/hostile.py`) works at a file of its own, whose first line the other
folder's user changes all the time. Whatever a program completed is in the history in the end.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import run_git
from tests.fs import hostile
from tests.fs.hostile import SLOT_BYTES, SLOTS, SLOTS_START

from .chance import SOAK, seed_of_run
from .harness import Pair, eventually
from .silence import assert_whole
from .worktree import join, read, save, tree, write

SECONDS = 8.0 if SOAK else 1.0
TITLE_BYTES = SLOTS_START - 1
START = b"title".ljust(TITLE_BYTES) + b"\n" + (b" " * (SLOT_BYTES - 1) + b"\n") * SLOTS


class Duel:
    """A file, the folder whose program writes it, and the folder whose user changes its title."""

    def __init__(self, here: Path, there: Path, name: str, kind: str, seed: int) -> None:
        self._file = here / name
        self._there = there
        self._name = name
        self._titles = 0
        script = Path(hostile.__file__)
        self._said = here.parent / f"{kind} {seed}"  # a pipe would hold the program up once it is full
        with self._said.open("wb") as said:
            self._program = subprocess.Popen(
                [sys.executable, "-S", script, kind, self._file, str(SECONDS), str(seed)], stdout=said
            )

    def change_title(self) -> bool:
        """One more, if the file is there. False: the program has ended."""
        data = read(self._there, self._name)
        if data is not None:
            self._titles += 1
            save(
                self._there, self._name, (b"title %d" % self._titles).ljust(TITLE_BYTES) + data[TITLE_BYTES:]
            )
        return self._program.poll() is None

    def edits(self) -> list[bytes]:
        """What the program completed."""
        assert self._program.wait() == 0
        with open(self._file, "ab") as file:  # what came by another name is seen now at the latest
            file.write(b"end\n")
        assert self._titles > 1
        return self._said.read_bytes().splitlines(keepends=True)


def recorded(folder: Path) -> bytes:
    """Everything that any ref's history holds, and the contents of what grew large enough for the annex."""
    objects = run_git(folder, "rev-list", "--objects", "--all")
    ids = b"".join(line.split(b" ")[0] + b"\n" for line in objects.splitlines())
    annexed = (path for path in (folder / ".git/annex/objects").rglob("*") if path.is_file())
    return run_git(folder, "cat-file", "--batch", input=ids) + b"".join(path.read_bytes() for path in annexed)


@pytest.fixture(scope="module")
def meeting(running: Pair) -> Iterator[Pair]:
    """A pair that is looked at closely once all tests are through."""
    yield running
    running.down()
    for folder in (running.a, running.b):
        assert os.listdir(folder / ".git/instep/displaced") == []
        assert_whole(folder)


@pytest.mark.parametrize("kind", ["append", "slow", "pieces", "editor", "truncate", "mmap", "link"])
def test_no_completed_edit_is_lost(meeting: Pair, kind: str) -> None:  # I1 I5 I6 I9
    names = [f"{kind}-{n}/text" for n in range(2)]
    for name in names:
        save_in_new_directory(meeting.a, name)
    meeting.settle()
    sides = [(meeting.a, meeting.b), (meeting.b, meeting.a)]
    seed = seed_of_run(random.Random(kind)) % 10_000
    duels = [
        Duel(*side, name, kind, seed + n) for n, (side, name) in enumerate(zip(sides, names, strict=True))
    ]
    while [duel for duel in duels if duel.change_title()]:
        time.sleep(0.005)  # the user's time
    edits = [edit for duel in duels for edit in duel.edits()]
    meeting.assert_equal()
    everything = recorded(meeting.b)
    assert edits
    lines = set(everything.splitlines(keepends=True))
    assert [edit for edit in edits if edit not in lines and edit not in everything] == []


def test_a_file_that_was_held_open_gives_way_once_it_is_closed(meeting: Pair) -> None:  # I5 I13 I29
    """It was not written, so nothing but its closing tells that the newer version may come."""
    write(meeting.a, "held/text", b"old\n")
    meeting.settle()
    with open(join(meeting.b, "held/text"), "r+b") as file:
        write(meeting.a, "held/text", b"new\n")
        eventually(lambda: not meeting.status(meeting.b)["in_step"], "it is out of step")
        assert "held/text" in meeting.instep("wait", "--timeout", "0.1", meeting.b, check=False).err
        assert file.read() == b"old\n"
        assert read(meeting.b, "held/text") == b"old\n"
    meeting.settle()
    assert read(meeting.b, "held/text") == b"new\n"


def test_what_a_merge_found_open_is_not_said_to_be_open_for_ever(meeting: Pair) -> None:  # I5 I29
    write(meeting.a, "half/text", b"old\n")
    meeting.settle()

    def concerns() -> list[str]:
        found = meeting.status(meeting.b)["attention"]
        return [item["text"] for item in found if "open" in item["text"] and "half/text" in item["text"]]

    with open(join(meeting.b, "half/text"), "ab", buffering=0) as file:
        file.write(b"half a li")
        write(meeting.a, "half/text", b"new\n")
        eventually(concerns, "it is named")
        file.write(b"ne\n")
    meeting.settle()
    texts = {data for _, data in tree(meeting.a).values()}
    assert {b"old\nhalf a line\n", b"new\n"} <= texts
    eventually(lambda: concerns() == [], "it is named no more")


def save_in_new_directory(folder: Path, name: str) -> None:
    os.makedirs(os.path.dirname(join(folder, name)))
    save(folder, name, START)
