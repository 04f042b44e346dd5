"""The power is cut: all that was not synced is gone. What was acknowledged is there, whole, all the same.

Each folder lies on a disk of its own (`disk.Disk`), of one kind or another. The cut comes right after `wait`
has promised that everything is on the other side, and at each durable step (as in `test_crash_points`).
Before anything is started again: what git names is there and whole, and so is all content that the other
side's location log says to be here. Then all must converge as if nothing had been.
"""

import hashlib
import os
import random
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from instep.fs.crash import Point
from tests.conftest import run_git

from .chance import SOAK, seed_of_run
from .disk import KINDS, Disk, can_have_disks, kinds
from .harness import Pair
from .test_crash_points import SOME, Killing, Side
from .worktree import join, write

pytestmark = pytest.mark.skipif(not can_have_disks(), reason="mounting needs root")

POINTS = (
    Point.OBJECTS_PLACED,
    Point.PACK_CHECKED,
    Point.CONTENT_PLACED,
    Point.COMMIT_TOLD,
    Point.REF_MOVED,
    Point.EXCHANGED,
    Point.INSTALLED,
    Point.LAG_WRITTEN,
    Point.GIVEN_AWAY,
    Point.DOWNLOADED,
    Point.LOCATIONS_COMMITTED,
)
PROMISES = 6 if SOAK else 2
SOAK_BYTES = 1 << 30
"""What annex.diskreserve keeps free, 100 MB, is to be free to the end."""


@pytest.fixture
def disks(pair: Pair, request: pytest.FixtureRequest) -> Iterator[dict[str, Disk]]:
    """One under each folder of the pair, of the kind that is asked for if the kernel has it; in a soak, of
    any."""
    kind = random.Random(seed_of_run()).choice(kinds()) if SOAK else request.param
    print(f"on {kind}")
    kind = KINDS[kind if kind in kinds() else "ext4"]
    size_bytes = SOAK_BYTES if SOAK else 0
    found = {name: Disk(pair.a.parent / f"disk-{name}", size_bytes, kind=kind) for name in ("a", "b")}
    pair.a, pair.b = (disk.place / name for name, disk in found.items())
    yield found
    pair.__exit__(None, None, None)
    for disk in found.values():
        disk.close()


class CarefulSide(Side):
    """A user whose programs sync what they save: else a power cut takes it before anybody could see it."""

    def work(self, number: int) -> None:
        super().work(number)
        os.sync()

    def write(self, number: int, kind: str, size: int = 0, *, again: bool = False) -> None:
        super().write(number, kind, size, again=again)
        for name in (self.name(number, kind), str(Path(self.name(number, kind)).parent)):
            fd = os.open(join(self.folder, name), os.O_RDONLY)
            os.fsync(fd)
            os.close(fd)


def assert_as_promised(here: Path, there: Path) -> None:
    """Before anything runs again: what the refs name is here, and what the other side believes to be here."""
    run_git(here, "fsck", "--strict")  # I10
    empty = [
        path for path in (here / ".git/objects").rglob("*") if path.is_file() and not path.stat().st_size
    ]
    assert empty == []
    uuid = run_git(here, "config", "annex.uuid").decode().strip()
    logs = run_git(there, "grep", "-l", f"s 1 {uuid}$", "git-annex", "--", "*/*/*.log", check=False)
    for line in logs.decode().splitlines():  # I11
        key = Path(line).name.removesuffix(".log")
        (content,) = (here / ".git/annex/objects").glob(f"*/*/{key}/{key}")
        assert hashlib.sha256(content.read_bytes()).hexdigest() in key


@pytest.mark.timeout(900 if SOAK else 240)
@pytest.mark.parametrize(("victim", "disks"), [("a", "ext4"), ("b", "btrfs")], indirect=["disks"], ids="ab")
def test_what_was_promised_is_there_after_a_power_cut(
    pair: Pair, disks: dict[str, Disk], victim: str
) -> None:  # I1 I10 I11 I29
    chance = random.Random(victim)
    killing = Killing(pair, victim)
    killing.victim = CarefulSide(killing.victim.folder)
    killing.prepare(PROMISES)
    os.sync()
    for number in range(PROMISES):
        pair.up()
        for side in (killing.victim, killing.other):
            side.work(number)
        pair.wait()
        for side in (killing.victim, killing.other):
            side.ledger.keep()
            write(side.folder, f"{number}/not promised", chance.randbytes(100_000))
        for pid in pair.processes(killing.victim.folder):
            pair.signal_one(pid, signal.SIGKILL)
        disks[victim].cut_power()
        assert_as_promised(killing.victim.folder, killing.other.folder)
    killing.check()


@pytest.mark.timeout(900 if SOAK else 240)
@pytest.mark.parametrize(("victim", "disks"), [("a", "ext4"), ("b", "xfs")], indirect=["disks"], ids="ab")
def test_power_cut_at_each_durable_step(
    pair: Pair, disks: dict[str, Disk], victim: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # I1 I6 I10 I11 I13 I27 I30
    points: Sequence[Point] = POINTS["ab".index(victim) :: 2]
    if SOAK:
        reached = set(Point) - {Point.GIVEN_AWAY} if disks[victim].kind.clones else Point
        points = random.Random(seed_of_run()).sample(sorted(reached), SOME)
    killing = Killing(pair, victim)
    killing.victim = CarefulSide(killing.victim.folder)
    killing.prepare(len(points))
    os.sync()
    for number, point in enumerate(points):
        killing.round(number, point, monkeypatch)
        disks[victim].cut_power()
        assert_as_promised(killing.victim.folder, killing.other.folder)
    killing.check()
