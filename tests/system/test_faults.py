"""Calls of the kernel fail for a while: nothing is lost, status says why, and all goes on when that ends.

Each trial makes one kind of call fail in one folder (`faults.Faults`) while files change on both sides. The
short list is tried always; a soak run tries some of all calls with all errors.
"""

import errno
import os
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import run_git

from .chance import SOAK, seed_of_run
from .faults import Faults, build
from .harness import Pair, eventually
from .ledger import Ledger, lost
from .silence import assert_whole
from .worktree import Name, join, read, write

CODES = {
    errno.ENOSPC: {"disk-full", "low-space"},
    errno.EDQUOT: {"disk-full", "low-space"},
    errno.EROFS: {"read-only"},
    errno.EIO: {"disk-failing", "file-unreadable"},
    errno.EMFILE: {"files-exhausted"},
    errno.ENOMEM: {"memory-exhausted"},
}
WRITING = "create,write,sync,rename,link,symlink,mkdir,copy,truncate,unlink"
SHORT = [
    ("create,write,mkdir,rename", errno.ENOSPC),
    ("write", errno.EDQUOT),
    (WRITING, errno.EROFS),
    ("sync", errno.EIO),
    ("create,open", errno.EMFILE),
    ("rename", errno.ENOMEM),
]
ALL = [
    (call, number)
    for number, calls in {
        errno.ENOSPC: ("create", "write", "sync", "rename", "symlink", "mkdir", "copy"),
        errno.EDQUOT: ("create", "write", "sync", "rename", "mkdir"),
        errno.EROFS: ("create", "rename", "symlink", "mkdir", "unlink"),
        errno.EIO: ("open", "create", "read", "write", "sync", "rename", "unlink", "stat", "copy"),
        errno.EMFILE: ("open", "create"),
        errno.ENOMEM: ("open", "create", "read", "stat", "rename"),
    }.items()
    for call in calls
]
SOME = 8
"""Trials of a soak run."""
SIZES = (0, 100, 70_000, 1_200_000)


class Faulty:
    """A pair whose processes obey the rules, and what its users wrote."""

    def __init__(self, pair: Pair, faults: Faults) -> None:
        self.pair = pair
        self.faults = faults
        self.ledgers = {pair.a: Ledger(), pair.b: Ledger()}
        self.chance = random.Random(0)
        self._round = 0

    def work(self) -> None:
        """New files and new versions of all sizes on both sides, a deletion, a move."""
        self._round += 1
        for folder, ledger in self.ledgers.items():
            for size in SIZES:
                for name in (f"{size}-{folder.name}", f"{self._round}/{folder.name}-{size}"):
                    data = f"{self._round} {name}\n".encode() + self.chance.randbytes(size)
                    write(folder, name, data)
                    ledger.wrote(name.encode(), data)
            write(folder, f"{self._round}/{folder.name}-old", b"to be deleted")
            os.symlink("nowhere", join(folder, f"{self._round}/{folder.name}-link"))
            before = f"{self._round - 1}/{folder.name}-0"
            if (folder / before).exists():
                os.rename(join(folder, before), join(folder, f"{before}-moved"))
                ledger.renamed(before.encode(), f"{before}-moved".encode())
                os.unlink(join(folder, f"{self._round - 1}/{folder.name}-old"))

    def codes(self, folder: Path) -> set[str]:
        """What the folder's status says is wrong with it."""
        return {item["code"] for item in self.attention(folder)}

    def attention(self, folder: Path) -> list[dict[str, Any]]:
        return [item for item in self.pair.status(folder)["attention"] if item["severity"] == "attention"]

    def assert_well(self) -> None:
        """The faults are over: equal, nothing lost, sound, and nothing is said to be wrong."""
        for ledger in self.ledgers.values():
            ledger.keep()
        self.pair.assert_equal()  # I13
        folders = list(self.ledgers)
        assert lost(self.ledgers.values(), folders) == []  # I1
        for folder in folders:
            eventually(lambda folder=folder: not self.attention(folder), f"no condition in {folder.name}")
            assert_whole(folder)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("library"))


@pytest.fixture
def faults(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Faults:
    found = Faults(library, tmp_path)
    for name, value in found.environment.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def faulty(pair: Pair, faults: Faults) -> Iterator[Faulty]:
    found = Faulty(pair, faults)
    for folder in (pair.a, pair.b):
        write(folder, "start", folder.name.encode())
    pair.up()
    daemons = [pair.daemon(folder) for folder in (pair.a, pair.b)]
    yield found
    assert [pair.daemon(folder) for folder in (pair.a, pair.b)] == daemons, "no process ended"


@pytest.mark.timeout(900 if SOAK else 180)
def test_faults_are_named_survived_and_forgotten(faulty: Faulty) -> None:  # I1 I3 I26 I29
    pair, faults = faulty.pair, faulty.faults
    trials = SHORT
    if SOAK:
        faulty.chance.seed(seed_of_run())
        trials = faulty.chance.sample(ALL, SOME)
    for calls, number in trials:
        victim = faulty.chance.choice([pair.a, pair.b])
        often = calls in ("create", "write", "sync", "rename")
        first = faulty.chance.choice([1, 2, 5, 10]) if SOAK and often else 1
        print(f"{calls} fails with {errno.errorcode[number]} from {first} on in {victim.name}")
        with faults.on(calls, number, join(victim, ""), first=first):
            faulty.work()
            eventually(faults.hits, f"{calls} failed with {number}")
            eventually(
                lambda number=number, victim=victim: CODES[number] & faulty.codes(victim),
                f"{CODES[number]} is said when {calls} fails",
            )
            assert not pair.status(victim)["in_step"]  # I29
        faulty.assert_well()


def test_a_folder_that_the_disk_does_not_show_is_not_said_to_be_gone(faulty: Faulty) -> None:  # I2 I26
    pair = faulty.pair
    git = pair.a / ".git"
    with faulty.faults.on("stat", errno.EIO, join(pair.a, ".git/HEAD")):
        git.rename(pair.a / "away")
        (pair.a / "away").rename(git)  # have it look whether the folder is there
        eventually(lambda: faulty.codes(pair.a), "something is said")
        assert faulty.codes(pair.a) == {"disk-failing"}
        faulty.work()
    faulty.assert_well()


def test_a_process_that_waits_for_a_fault_to_end_does_not_spin(faulty: Faulty) -> None:  # I26 I28
    pair = faulty.pair
    with faulty.faults.on("create,write", errno.ENOSPC, join(pair.a, ".git")):
        faulty.work()
        eventually(lambda: "disk-full" in faulty.codes(pair.a), "it is named")
        used, started = pair.cpu_s(pair.a), time.monotonic()
        eventually(lambda: len(faulty.faults.hits()) > 8, "tried again")
        share = (pair.cpu_s(pair.a) - used) / (time.monotonic() - started)
        assert share < 0.3
    faulty.assert_well()


def test_git_annex_s_databases_may_be_elsewhere(pair: Pair, faults: Faults) -> None:
    with faults.on("create", errno.EACCES, join(pair.a, ".git/annex/fsck/fsckdb.tmp")):
        refused = pair.instep("up", pair.a, check=False)
        assert faults.hits()
        assert refused.code == 2
        text, fix = refused.err.splitlines()
        assert text.startswith("git-annex can't keep its databases")
        assert fix.endswith(f"git -C {pair.a} config annex.dbdir ~/.cache/git-annex")
        run_git(pair.a, "config", "annex.dbdir", str(pair.a.parent / "databases"))
        pair.up()
        write(pair.a, "film.bin", os.urandom(SIZES[-1]))
        pair.settle()
    pair.assert_equal()


@pytest.mark.parametrize("few", [6, 9, 14, 22, 26])
def test_a_command_with_hardly_a_descriptor_says_so(tmp_path: Path, few: int) -> None:  # I26
    limited = ["sh", "-c", f'ulimit -n {few}; exec "$@"', "sh"]

    class Limited(Pair):
        def prefix_of(self, args: Sequence[Name]) -> Sequence[str]:
            return limited if self.a in args else ()

    with Limited(tmp_path) as pair:
        write(pair.a, "x", b"x\n")
        done = pair.instep("up", pair.a, check=False)
        assert done.code == 0 or (done.code, done.err.count("ulimit -n 4096")) == (2, 1)
        assert read(pair.a, "x") == b"x\n"
        limited = ["env"]
        pair.instep("down", pair.a, check=False)
        pair.up()
        pair.assert_equal()
