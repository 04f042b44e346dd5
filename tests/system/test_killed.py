"""kill -9 at any moment: `up` again finds its way, and nothing is lost or torn."""

import os
import random
import signal
import threading
from pathlib import Path

import pytest

from tests.conftest import run_git

from .harness import Pair
from .silence import assert_whole
from .worktree import read, write


def write_burst(folder: Path, files: dict[str, bytes], under_way: threading.Event) -> None:
    """Writes the files, and tells once a third of them are written."""
    for number, (name, data) in enumerate(files.items()):
        write(folder, name, data)
        if number == len(files) // 3:
            under_way.set()
    under_way.set()


def is_whole(found: bytes | None, new: bytes, old: bytes | None) -> bool:
    """Old or new; where nothing was before, the pointer of content that has not come is new too."""  # I6
    return found in (old, new) or (old is None and found is not None and found.startswith(b"/annex/objects/"))


@pytest.mark.parametrize("victim", ["a", "b", "both"])
def test_killed_in_a_burst(pair: Pair, victim: str) -> None:  # I1 I6 I10 I27
    chance = random.Random(victim)
    sizes = [0, 10, 4096, 70_000, 300_000]
    files = {f"d{n % 7}/{n}": chance.randbytes(chance.choice(sizes)) for n in range(300)}
    old = dict.fromkeys(list(files)[::3], b"old " * 20000)
    for name, data in old.items():
        write(pair.a, name, data)
    pair.up()
    daemons = [pair.daemon(folder) for folder in (pair.a, pair.b) if victim in (folder.name, "both")]
    under_way = threading.Event()
    writer = threading.Thread(target=write_burst, args=(pair.a, files, under_way))
    writer.start()
    under_way.wait()
    for pid in daemons:
        pair.signal_one(pid, signal.SIGKILL)
    writer.join()
    for name, data in files.items():  # before anything is mended  # I6
        assert is_whole(read(pair.b, name), data, old.get(name)), name
    pair.up()
    pair.assert_equal()
    assert {name: read(pair.b, name) for name in files} == files
    pair.down()
    for folder in (pair.a, pair.b):
        assert_whole(folder)
        run_git(folder, "annex", "fsck", "--quiet")
        assert not os.path.exists(folder / ".git/index.lock")


def test_killed_again_and_again(pair: Pair) -> None:  # I1 I27
    pair.up()
    for n in range(5):
        write(pair.a, f"{n}/a.txt", b"%d\n" % n)
        write(pair.b, f"{n}/b.bin", b"\0%d" % n * 40_000)
        pair.signal(signal.SIGKILL)
        pair.up()
    pair.assert_equal()
    for n in range(5):
        assert read(pair.b, f"{n}/a.txt") == b"%d\n" % n
        assert read(pair.a, f"{n}/b.bin") == b"\0%d" % n * 40_000
