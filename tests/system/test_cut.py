"""The connection is cut in the middle of everything: the next one goes on from there, and nothing is lost."""

import os
import random
import signal
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Self

import pytest

from tests.conftest import run_git

from .chance import SOAK, seed_of_run
from .cutter import HOLD
from .far_pair import FarPair
from .harness import eventually
from .ledger import Ledger, lost
from .worktree import write

MIB = 1 << 20
FILM_BYTES, CUTS = (2048 * MIB, 10) if SOAK else (24 * MIB, 4)
FIRST_FRAMES = 3
"""Before so many have passed, no edit can have come through."""
MOST_FRAMES = 40
"""About what a session of these edits has; a busy computer sends content in more of them."""


class CutPair(FarPair):
    """Whose ssh goes through `cutter.py`."""

    def __init__(self, top: Path) -> None:
        super().__init__(top)
        self._plan, self._seen = top / "plan", top / "seen"
        self._seen.touch()

    def __enter__(self) -> Self:
        super().__enter__()
        self._here.setenv("GIT_SSH_COMMAND", f"{sys.executable} {Path(__file__).parent}/cutter.py")
        self._here.setenv("CUTTER_SSH", str(self.far.bin / "ssh"))
        self._here.setenv("CUTTER_PLAN", str(self._plan))
        self._here.setenv("CUTTER_SEEN", str(self._seen))
        return self

    def cut(self) -> None:
        """The connection that there is."""
        eventually(self.ssh_processes, "there is one")
        for pid in self.ssh_processes():
            os.kill(pid, signal.SIGKILL)

    def hold(self) -> None:
        """Cut, and let no link begin before `cut_after`."""
        self._planned(HOLD)
        self.cut()

    def cut_after(self, frames: int) -> bool:
        """The link that is held, and let the one after it live. Whether all became equal later than that."""
        before = len(self._seen.read_text())
        self._planned(str(frames))
        eventually(lambda: not self._plan.read_text(), "a new link began")
        self.assert_equal()
        return len(self._seen.read_text()) > before

    def _planned(self, what: str) -> None:
        """At once: whoever waits for it reads all of it."""
        new = self._plan.with_suffix(".new")
        new.write_text(what)
        new.replace(self._plan)


@pytest.fixture
def cut_pair(tmp_path: Path) -> Iterator[CutPair]:
    with CutPair(tmp_path) as pair:
        yield pair.up()


def boundaries() -> Iterator[int]:
    """All in a soak; else some that the seed chooses."""
    if SOAK:
        return count(1)
    chance = random.Random(seed_of_run())
    return iter([chance.randint(1, FIRST_FRAMES), *chance.sample(range(FIRST_FRAMES + 1, MOST_FRAMES), 2)])


@pytest.mark.timeout(900)
def test_a_session_that_is_cut_at_any_frame(cut_pair: CutPair) -> None:  # I1 I13 I27
    """Edits, a deletion and content on both sides wait for the session that is cut."""
    ledgers = {cut_pair.a: Ledger(), cut_pair.b: Ledger()}
    for frames in boundaries():
        cut_pair.hold()
        for folder, ledger in ledgers.items():
            for name, data in (("both", b"%d" % frames), ("film", os.urandom(300_000))):
                write(folder, f"{folder.name} {name}", data)
                ledger.wrote(f"{folder.name} {name}".encode(), data)
            write(folder, "notes", f"{folder.name} {frames}\n".encode() * 20)
            (folder / f"{folder.name} gone").unlink(missing_ok=True)
            write(folder, f"{folder.name} {frames}", b"to go\n")
        was_cut = cut_pair.cut_after(frames)
        for ledger in ledgers.values():
            ledger.keep()
        assert was_cut or frames > FIRST_FRAMES
        if not was_cut and frames > MOST_FRAMES:  # that was the last one
            break
    assert lost(ledgers.values(), list(ledgers)) == []


@pytest.mark.timeout(900)
def test_a_large_file_that_is_cut_again_and_again(cut_pair: CutPair) -> None:  # I27
    """It goes on where it was each time: what came is never fetched again, and stays the same file."""
    run_git(cut_pair.a, "config", "annex.bwlimit", str(FILM_BYTES // 4))
    film = cut_pair.a / "film"
    with film.open("wb") as file:
        for _ in range(FILM_BYTES // MIB):
            file.write(os.urandom(MIB))
    partials = cut_pair.b / ".git/annex/tmp"
    sizes, inodes = [0], set[int]()
    for number in range(CUTS):
        least = max(sizes[-1], FILM_BYTES * number // (2 * CUTS))
        eventually(lambda: size_of(partials) > least, "it goes on")  # noqa: B023
        cut_pair.cut()
        (partial,) = partials.iterdir()
        sizes.append(partial.stat().st_size)
        inodes.add(partial.stat().st_ino)
    assert sizes == sorted(sizes)
    run_git(cut_pair.a, "config", "--unset", "annex.bwlimit")
    cut_pair.assert_equal()
    objects = [path for path in (cut_pair.b / ".git/annex/objects").rglob("*") if path.is_file()]
    assert {path.stat().st_ino for path in objects} == inodes
    assert len(inodes) == 1


def size_of(partials: Path) -> int:
    """Of what has come so far, of the one file."""
    return sum(path.stat().st_size for path in partials.iterdir())
