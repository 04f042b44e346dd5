"""kill -9 at any moment: `up` again finds its way, and nothing is lost or torn."""

import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from instep.fs.crash import VARIABLE, Point
from tests.conftest import run_git

from .harness import Pair, eventually
from .silence import assert_whole
from .worktree import read, tree, write


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


@pytest.mark.parametrize("point", [Point.CREATED, Point.INSTALLED, Point.REF_MOVING])
def test_what_is_deleted_while_one_is_dead_stays_deleted(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, point: Point
) -> None:  # I17 I27
    """It died in the midst of taking the file in, so its work tree has what its branch has not."""
    write(pair.a, "kept", b"kept\n")
    pair.up()
    pair.assert_equal()
    pair.instep("down", pair.b)
    with monkeypatch.context() as context:
        context.setenv(VARIABLE, f"{point}:1")
        pair.instep("up", pair.b)
    write(pair.a, "new", b"new\n")
    eventually(lambda: not pair.processes(pair.b), "killed")
    assert read(pair.b, "new") == b"new\n"
    os.unlink(pair.a / "new")
    eventually(lambda: b"new" not in run_git(pair.a, "ls-tree", "--name-only", "HEAD").split(), "recorded")
    time.sleep(1.1)  # in the same second it would make the very commit that the other made
    pair.up()
    pair.assert_equal()
    assert tree(pair.b) == {b"kept": ("file", b"kept\n")}
