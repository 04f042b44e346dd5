"""Real limits: full disks, few descriptors. Nothing is corrupt, and all goes on by itself. # I26"""

import io
import os
import resource
import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from tests.conftest import run_git

from .disk import Disk, can_have_disks
from .harness import LIMIT_S, Pair, eventually
from .ledger import Ledger, lost
from .silence import assert_whole
from .worktree import write

pytestmark = pytest.mark.skipif(not can_have_disks(), reason="mounting needs root")

SMALL_DISK_BYTES = 48 << 20
INODES = "2000"
FULL = {"disk-full", "low-space"}


def codes(pair: Pair, folder: Path) -> set[str]:
    return {item["code"] for item in pair.status(folder)["attention"] if item["severity"] == "attention"}


def assert_well(pair: Pair) -> None:
    pair.assert_equal()
    for folder in pair.folders:
        eventually(lambda folder=folder: not codes(pair, folder), f"nothing is said of {folder.name}")
        assert_whole(folder)
        run_git(folder, "annex", "fsck", "--quiet")


def fill_blocks(place: Path) -> None:
    with open(place / "filler", "wb", buffering=0) as file:
        for data in (bytes(1 << 20), bytes(4096)):
            with pytest.raises(OSError, match="No space left"):
                write_endlessly(file, data)


def write_endlessly(file: io.FileIO, data: bytes) -> None:
    while True:
        file.write(data)
        os.fsync(file.fileno())


def fill_inodes(place: Path) -> None:
    (place / "filler").mkdir()
    with pytest.raises(OSError, match="No space left"):
        make_endlessly(place / "filler")


def make_endlessly(directory: Path) -> None:
    for number in count():
        (directory / str(number)).touch()


def empty(place: Path) -> None:
    if (place / "filler").is_file():
        (place / "filler").unlink()
        return
    for name in (place / "filler").iterdir():
        name.unlink()
    (place / "filler").rmdir()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A small one."""
    disk = Disk(tmp_path / "disk", SMALL_DISK_BYTES, "-N", INODES)
    yield disk
    disk.close()


@pytest.fixture
def small(tmp_path: Path, disk: Disk) -> Iterator[Pair]:
    """A pair of which `a` is on that disk."""
    pair = Pair(tmp_path)
    pair.a = disk.place / "a"
    with pair:
        yield pair.up()


@pytest.mark.parametrize("fill", [fill_blocks, fill_inodes])
def test_a_full_disk_is_waited_for(small: Pair, fill: Callable[[Path], None]) -> None:  # I1 I3 I26 I29
    """While it runs, and when it is started on one."""
    run_git(small.a, "config", "annex.diskreserve", "1")
    fill(small.a.parent)
    for number in range(20):
        write(small.b, f"directory/{number}", os.urandom(3000))
    write(small.b, "large", os.urandom(300_000))
    eventually(lambda: codes(small, small.a) & FULL, "it is named")
    assert not small.status(small.a)["in_step"]
    small.instep("down", small.a)
    small.instep("up", small.a)
    eventually(lambda: codes(small, small.a) & FULL, "it is named again")
    empty(small.a.parent)
    assert_well(small)


def test_a_disk_that_becomes_read_only(small: Pair, disk: Disk) -> None:  # I1 I2 I26 I29
    """As after an error, while it is in use; then it is checked and mounted again."""
    ledger, pid = Ledger(), small.daemon(small.a)
    for number in range(10):
        write(small.a, f"before/{number}", data := os.urandom(3000))
        ledger.wrote(f"before/{number}".encode(), data)
    small.wait(small.a)
    disk.sync()
    disk.become_read_only()
    for number in range(10):
        write(small.b, f"after/{number}", data := os.urandom(3000))
        ledger.wrote(f"after/{number}".encode(), data)
    eventually(lambda: "read-only" in codes(small, small.a), "it is named")
    small.wait_not(small.a)
    disk.let_go()
    eventually(disk.mount_again, "nothing keeps the disk")
    assert_well(small)
    ledger.keep()
    assert lost([ledger], small.folders) == []
    assert small.daemon(small.a) == pid


def test_little_memory(running: Pair) -> None:  # I1 I26 I29
    """A process whose address space may grow little: any allocation can be the one that fails."""
    pair, ledger, pid = running, Ledger(), running.daemon(running.a)
    unlimited = resource.RLIM_INFINITY
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + (8 << 20)
    resource.prlimit(pid, resource.RLIMIT_AS, (limit, unlimited))
    for number in range(60):
        folder, size = pair.folders[number % 2], [10, 3000, 70_000, 10 << 20][number // 2 % 30 // 9]
        write(folder, f"{number}", data := os.urandom(size))
        ledger.wrote(f"{number}".encode(), data)
    eventually(lambda: "memory-exhausted" in codes(pair, pair.a), "it is named")
    eventually(lambda: not pair.status(pair.a)["in_step"], "it does not say more than it knows")
    resource.prlimit(pid, resource.RLIMIT_AS, (unlimited, unlimited))
    assert_well(pair)
    ledger.keep()
    assert lost([ledger], pair.folders) == []
    assert pair.daemon(pair.a) == pid


def test_few_descriptors(tmp_path: Path) -> None:  # I1 I26
    """As with `ulimit -n 64`, in a process (this one) that has few of its own open."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = 64 + len(os.listdir("/proc/self/fd"))
    with Pair(tmp_path) as pair:
        resource.setrlimit(resource.RLIMIT_NOFILE, (few, limits[1]))
        try:
            pair.up()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for number in range(150):
            folder = pair.folders[number % 2]
            write(folder, f"{number % 7}/{number}", f"{number}\n".encode() * 20)
            write(folder, f"big {number}", os.urandom(70_000 if number % 10 == 0 else 10))
        assert_well(pair)


@contextmanager
def asking(pair: Pair, *words: str | Path) -> Generator[subprocess.Popen[str]]:
    """`instep WORDS`, which has asked the process of `a` by now."""
    descriptors = Path(f"/proc/{pair.daemon(pair.a)}/fd")
    before = len(os.listdir(descriptors))
    command = [os.environ.get("INSTEP_COMMAND", "instep"), *words]
    with subprocess.Popen(command, env=os.environ | pair.mark, stdout=subprocess.PIPE, text=True) as process:
        try:
            eventually(lambda: len(os.listdir(descriptors)) > before, "it asks")
            yield process
        finally:
            process.kill()


def test_no_descriptors_for_a_while(running: Pair) -> None:  # I1 I21 I26 I29
    """Whoever waits goes on waiting, and a directory that comes meanwhile is watched later."""
    pair, pid = running, running.daemon(running.a)
    (pair.a / ".git/MERGE_HEAD").touch()
    eventually(lambda: any("merge" in what for what in pair.status(pair.a)["outstanding"]), "it is seen")
    with (
        asking(pair, "wait", pair.a) as waiting,
        asking(pair, "status", "--json", "--watch", pair.a) as watching,
    ):
        assert watching.stdout is not None
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limits[1]))
        write(pair.a, "new/file", b"in a directory that can't be watched now")
        write(pair.b, "elsewhere", b"to be merged")
        (pair.a / ".git/MERGE_HEAD").unlink()
        assert any("files-exhausted" in line for line in watching.stdout)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        assert waiting.wait(LIMIT_S) == 0
    assert_well(pair)
    write(pair.a, "new/later", b"in it")
    assert_well(pair)
    assert pair.daemon(pair.a) == pid
    assert "can be opened" in pair.instep("log", pair.a).out
