"""Where the times of files don't tell a second change from the first, that is known. # I4 I5"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from instep.fs.grain import COARSE_NS, TICK_NS, Grain, grain_ns
from instep.fs.identity import Identity
from instep.fs.inotify import Deaf
from tests.system.disk import can_have_disks, whole_seconds

from .follower import Follower, picture

S, MS, US = 10**9, 10**6, 10**3
NOW = 1_700_000_000 * S + 123_456_789
needs_disk = pytest.mark.skipif(not can_have_disks(), reason="needs root, to mount a disk")


@pytest.fixture
def coarse(tmp_path: Path) -> Iterator[Path]:
    with whole_seconds(tmp_path) as place:
        yield place


def no_change_is_hidden(directory: Path) -> None:
    """Every second change shows in the identity, or is known to be one that might not."""
    grain = Grain.measure(os.fsencode(directory))
    file = directory / "f"
    for n in range(300):
        file.write_bytes(b"%03d" % n)
        since_ns = time.time_ns()
        before = Identity.of(file.lstat())
        file.write_bytes(b"%03d" % (n + 500))
        if Identity.of(file.lstat()) == before:
            assert grain.hides(before, since_ns)
            assert grain.hides(before, since_ns, placed=True)


def test_here(tmp_path: Path) -> None:
    no_change_is_hidden(tmp_path)


@needs_disk
def test_where_times_are_whole_seconds(coarse: Path) -> None:
    no_change_is_hidden(coarse)
    assert Grain.measure(os.fsencode(coarse)).s > 1


@needs_disk
def test_a_look_looks_again_at_what_may_change_unseen(coarse: Path) -> None:  # I21
    root = coarse / "root"
    root.mkdir()
    follower = Follower(root, Deaf())
    hidden = 0
    while not hidden:
        (root / "f").write_bytes(b"1")
        follower.follow()
        before = Identity.of((root / "f").lstat())
        (root / "f").write_bytes(b"2")
        hidden += Identity.of((root / "f").lstat()) == before
        follower.follow()
        assert follower.picture == picture(root)
    assert follower.follow().dirty == {b"f"}
    time.sleep(follower.grain.s * 1.1)
    follower.follow()
    assert not follower.follow().dirty, "it has come to an end"  # I28
    follower.close()


@pytest.mark.parametrize(
    ("times_ns", "skew_ns", "ns"),
    [
        ([NOW, NOW + 5 * US, NOW + 10 * US], 0, 0),
        ([NOW, NOW + 5 * US, NOW + 30 * MS], 0, 0),
        ([NOW, NOW, NOW], 0, TICK_NS),
        ([NOW, NOW, NOW + 4 * MS], 0, TICK_NS),
        ([NOW, NOW + 5 * MS, NOW + 10 * MS], 0, TICK_NS),  # of another computer, which takes long to answer
        ([NOW, NOW, NOW], 3 * S, TICK_NS + 3 * S),
        ([5 * S, 5 * S, 5 * S], S // 2, COARSE_NS),
        ([NOW, NOW - S, NOW - S + 5 * US], 0, TICK_NS),  # the clock was set back
    ],
)
def test_what_times_of_writes_tell(times_ns: list[int], skew_ns: int, ns: int) -> None:
    assert grain_ns(times_ns, skew_ns) == ns


def test_only_what_is_fresh_may_change_unseen() -> None:
    now_ns = time.time_ns()
    grain = Grain(1, TICK_NS)

    def hides(mtime_ns: int, ctime_ns: int, *, dev: int = 1, placed: bool = False) -> bool:
        return grain.hides(Identity(dev, 2, 3, mtime_ns, ctime_ns, 0o100644), now_ns, placed=placed)

    old_ns, fresh_ns = now_ns - S, now_ns - TICK_NS // 2
    assert not hides(old_ns, old_ns)
    assert hides(fresh_ns, fresh_ns)
    assert hides(old_ns, fresh_ns)
    assert not hides(old_ns, fresh_ns, placed=True)
    assert hides(old_ns, old_ns, dev=7), "of another file system nothing is known"
    assert not hides(now_ns + 1000 * S, old_ns), "whoever writes now gives it another time"
    assert hides(time.time_ns(), old_ns), "it changed while it was looked at"


def test_where_nothing_can_be_written_the_worst_is_taken_for_true(tmp_path: Path) -> None:
    assert Grain.measure(os.fsencode(tmp_path / "nowhere")).hides(
        Identity(1, 2, 3, time.time_ns() - S, 5, 0o100644), time.time_ns()
    )
