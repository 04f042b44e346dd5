"""The process is killed at each of its durable steps, and started again: nothing is lost, all converges.

The steps are those of `instep.fs.crash.Point`. In round after round one side is started with the order to
end itself at the next of them; both sides are given work that leads past all of them; then it is started
again, with the next order. A step that is never passed fails the test. Half of the steps are tried on either
side; a soak run tries some at random, at later passings too, and checks everything after each kill.
"""

import hashlib
import os
import random
from pathlib import Path

import pytest

from instep.annex.journal import file_name
from instep.core.keys import log_path
from instep.core.types import Key
from instep.fs.crash import VARIABLE, Point
from tests.conftest import run_git

from .chance import SOAK, seed_of_run
from .harness import Pair, eventually
from .ledger import Ledger, lost
from .silence import assert_whole
from .worktree import join, write

SMALL, LARGE, HUGE = 70_000, 1_200_000, 9_000_000
"""Bytes: annexed and sent along with the commit; annexed and fetched; fetched for the work tree first."""
BURST = 45
"""Files that make a pack."""
SOME = 8
"""Rounds of a soak run."""
FAR_BEHIND = 70
"""Commits that arrive as a pack."""


class Side:
    """One folder, and a user who works there; names and contents follow from the round."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger()

    def name(self, number: int, kind: str) -> str:
        return f"{number}/{self.folder.name}/{kind}"

    def content(self, number: int, kind: str, size: int = 0) -> bytes:
        title = f"{self.folder.name} {number} {kind}\n".encode()
        return title + hashlib.shake_128(title).digest(size)

    def write(self, number: int, kind: str, size: int = 0, *, again: bool = False) -> None:
        data = self.content(number, kind + " again" if again else kind, size)
        write(self.folder, self.name(number, kind), data)
        self.ledger.wrote(self.name(number, kind).encode(), data)

    def prepare(self, number: int) -> None:
        """What the work of a round starts from."""
        for kind in ("edited", "removed", "moved", "made-executable"):
            self.write(number, kind)
        self.write(number, "edited.bin", SMALL)
        self.write(number, "edited.film", LARGE)

    def work(self, number: int) -> None:
        """Work that leads past every step, here and on the other side."""
        for kind, size in (("edited", 0), ("edited.bin", SMALL), ("edited.film", LARGE)):
            self.write(number, kind, size, again=True)
        os.unlink(join(self.folder, self.name(number, "removed")))
        self.ledger.removed(self.name(number, "removed").encode())
        self.move(self.name(number, "moved"), self.name(number, "moved-to"))
        os.chmod(join(self.folder, self.name(number, "made-executable")), 0o755)
        for kind, size in (("new", 0), ("new.bin", SMALL), ("new.film", LARGE)):
            self.write(number, kind, size)
        for n in range(BURST):
            self.write(number, f"burst-{n}")
        data = self.content(number, "both")
        write(self.folder, f"{number}/both.dat", data)
        self.ledger.wrote(b"%d/both.dat" % number, data)

    def move(self, source: str, target: str) -> None:
        os.rename(join(self.folder, source), join(self.folder, target))
        self.ledger.renamed(source.encode(), target.encode())

    def plant_leftover(self, number: int) -> None:
        """As if a killed process had displaced a file that somebody still wrote to."""
        directory = self.folder / ".git/instep/displaced"
        data = self.content(number, "displaced")
        (directory / f"planted-{number}~{number}%2Fdisplaced.txt").write_bytes(data)
        self.ledger.wrote(b"displaced %d" % number, data)

    def plant_journal(self, number: int) -> None:
        """As if a git-annex that was killed had noted who has the large file that is about to be written."""
        data = self.content(number, "new.bin", SMALL)
        key = Key(b"SHA256E-s%d--%s.bin" % (len(data), hashlib.sha256(data).hexdigest().encode()))
        line = b"1700000000s 1 00000000-1111-4222-8333-444444444444\n"
        (self.folder / ".git/annex/journal").mkdir(exist_ok=True)
        name = os.fsdecode(file_name(log_path(key)))
        (self.folder / ".git/annex/journal" / name).write_bytes(line)

    def go_ahead(self) -> None:
        """Commits by hand, more than are sent one by one, on whatever is the newest one."""
        while True:
            old = tip = run_git(self.folder, "rev-parse", "HEAD").strip()
            tree = run_git(self.folder, "rev-parse", b"%s^{tree}" % old).strip()
            for n in range(FAR_BEHIND):
                tip = run_git(self.folder, "commit-tree", tree, "-p", tip, "-m", f"{n}").strip()
            run_git(self.folder, "update-ref", "refs/heads/main", tip, old, check=False)
            if tip in run_git(self.folder, "rev-list", "main").split():
                return


class Killing:
    """A pair of which one side is killed again and again."""

    def __init__(self, pair: Pair, victim: str) -> None:
        self.pair = pair
        sides = {"a": Side(pair.a), "b": Side(pair.b)}
        self.victim = sides.pop(victim)
        (self.other,) = sides.values()

    def prepare(self, rounds: int) -> None:
        for number in range(rounds):
            for side in (self.victim, self.other):
                side.prepare(number)
        self.pair.up()
        for side in (self.victim, self.other):
            side.ledger.keep()
        self.pair.instep("down", self.victim.folder)

    def round(self, number: int, point: Point, monkeypatch: pytest.MonkeyPatch, nth: int = 1) -> None:
        """Has the victim killed at this point; fails if it never comes to it."""
        self.victim.plant_leftover(number)
        self.victim.plant_journal(number)
        if point is Point.PACK_CHECKED:
            self.other.go_ahead()
        with monkeypatch.context() as context:
            context.setenv(VARIABLE, f"{point}:{nth}")
            self.pair.instep("up", self.victim.folder, check=False)
        for side in (self.victim, self.other):
            side.work(number)
        if point is Point.GIVEN_AWAY:
            self.other.write(number, "new.huge", HUGE)
        if point is Point.COMMIT_TOLD:  # only one without annexed content is told so early
            self.pair.instep("wait", self.victim.folder, check=False)
            self.victim.write(number, "alone")
        if nth == 1:
            eventually(self._is_dead, f"killed at {point}")
        else:
            self.pair.instep("down", self.victim.folder, check=False)
        for side in (self.victim, self.other):
            side.write(number, "while one was dead")

    def _is_dead(self) -> bool:
        return not self.pair.processes(self.victim.folder)

    def check(self) -> None:
        """Started again: equal, nothing lost, sound."""
        self.pair.up()
        for side in (self.victim, self.other):
            side.ledger.keep()
        self.pair.assert_equal()  # I13
        folders = (self.pair.a, self.pair.b)
        assert lost([self.victim.ledger, self.other.ledger], folders) == []  # I1
        for folder in folders:
            found = self.pair.status(folder)["attention"]
            assert [item for item in found if item["severity"] == "attention"] == []
        eventually(lambda: not any(run_git(folder, "status", "--porcelain") for folder in folders), "clean")
        self.pair.down()
        for folder in folders:
            assert_whole(folder)  # I30
            run_git(folder, "annex", "fsck", "--quiet")
            assert os.listdir(folder / ".git/instep/displaced") == []
            assert not list((folder / ".git").rglob("*.lock"))


@pytest.mark.timeout(900 if SOAK else 240)
@pytest.mark.parametrize("victim", ["a", "b"])
def test_killed_at_each_durable_step(
    pair: Pair, victim: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # I1 I6 I10 I13 I27 I30
    rounds = [(point, 1) for point in list(Point)["ab".index(victim) :: 2]]
    if SOAK:
        every = [(point, nth) for nth in (1, 2, 3, 5, 8) for point in Point]
        rounds = random.Random(seed_of_run()).sample(every, SOME)
    killing = Killing(pair, victim)
    killing.prepare(len(rounds))
    for number, (point, nth) in enumerate(rounds):
        killing.round(number, point, monkeypatch, nth)
        if SOAK:
            killing.check()
            pair.instep("up", killing.other.folder)
    killing.check()
