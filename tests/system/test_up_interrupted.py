"""`up` killed half-way, or called twice at once: the next one, or both, end well. # I1 I27"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from itertools import cycle, product
from pathlib import Path

import pytest

from instep.daemon.lock import holder
from tests.conftest import run_git

from .chance import SOAK
from .harness import LIMIT_S, Pair
from .silence import assert_whole
from .worktree import tree, write

FILES = {f"d{n % 5}/{n}".encode(): b"%d " % n * (30_000 if n % 20 == 0 else 10) for n in range(200)}


def content(folder: Path) -> dict[bytes, bytes]:
    found = tree(folder).items()
    return {name: data for name, (_, data) in found if not name.startswith(b".git.instep-new/")}


def up(pair: Pair, *words: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [os.environ.get("INSTEP_COMMAND", "instep"), "up", *words],
        env=os.environ | pair.mark,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def commits(folder: Path) -> bool:
    return run_git(folder, "rev-parse", "--quiet", "--verify", "HEAD", check=False) != b""


def named(name: str) -> Callable[[Path], bool]:
    return lambda folder: (folder / name).exists()


def says(name: str, text: str) -> Callable[[Path], bool]:
    return lambda folder: (folder / name).exists() and text in (folder / name).read_text()


MOMENTS = {
    "the repository begins": named(".git.instep-new"),
    "the repository is half there": named(".git.instep-new/.git/objects"),
    "the repository is there": named(".git/HEAD"),
    "git-annex begins": named(".git/annex/journal/config.log"),
    "git-annex has an id": says(".git/config", "uuid"),
    "git-annex has a branch": named(".git/refs/heads/git-annex"),
    "the process begins": named(".git/instep/lock"),
    "the first commit is made": commits,
}


WAYS = list(product(("adopting", "copying"), ("up alone", "all")))
ALL = [(moment, *way) for moment in MOMENTS for way in WAYS]
SHORT = [(moment, *way) for moment, way in zip(MOMENTS, cycle(WAYS), strict=False)]
"""Each moment once, each way twice."""


@pytest.mark.parametrize(("moment", "way", "whom"), ALL if SOAK else SHORT)
def test_killed_half_way(pair: Pair, moment: str, way: str, whom: str) -> None:
    copy = way == "copying"
    for name, data in FILES.items():
        write(pair.a, name, data)
    if copy:
        pair.instep("up", pair.a)
        pair.wait(pair.a)
    watched = pair.b if copy else pair.a
    begun = up(pair, pair.a, *([pair.b] if copy else []))
    deadline = time.monotonic() + LIMIT_S
    while not MOMENTS[moment](watched) and begun.poll() is None:  # as soon as it is seen
        assert time.monotonic() < deadline
    begun.kill()
    if whom == "all":
        pair.signal(signal.SIGKILL)
    begun.communicate()
    assert content(pair.a) == FILES
    pair.up()
    pair.assert_equal()
    assert content(pair.b) == FILES
    for folder in pair.folders:
        assert_whole(folder)
        assert run_git(folder, "config", "annex.uuid")
        assert not (folder / ".git.instep-new").exists()
        assert b"largerthan=64kb" in run_git(folder, "show", "git-annex:config.log")


def test_a_process_that_has_only_begun_is_waited_for(pair: Pair) -> None:
    """It holds the lock, and does not answer yet; the `up` that started it is gone."""
    write(pair.a, "one", b"1\n")
    begun = up(pair, pair.a)
    while (pid := holder(pair.a / ".git")) is None:
        assert begun.poll() is None
    begun.kill()
    begun.communicate()
    pair.signal_one(pid, signal.SIGSTOP)
    again = up(pair, pair.a)
    time.sleep(0.5)  # for it to meet the lock
    pair.signal(signal.SIGCONT)
    _, err = again.communicate(timeout=LIMIT_S)
    assert (again.returncode, err) == (0, b"")
    pair.instep("wait", pair.a)
    assert len(daemons(pair)) == 1


@pytest.mark.parametrize("crosswise", [False, True])
def test_two_at_once(pair: Pair, crosswise: bool) -> None:
    """Both say that it is kept, and one process keeps it."""
    for name, data in FILES.items():
        write(pair.a, name, data)
    calls = [(pair.a, pair.b), (pair.b, pair.a)] if crosswise else [(pair.a, pair.b)] * 3
    begun = [up(pair, *words) for words in calls]
    for one, (folder, _) in zip(begun, calls, strict=True):
        out, err = one.communicate(timeout=LIMIT_S)
        assert (one.returncode, err) == (0, b"")
        assert b" kept in step (" in out, folder
    pair.wait()
    pair.assert_equal()
    assert content(pair.b) == FILES
    assert len(daemons(pair)) == len(pair.folders)
    for folder in pair.folders:
        assert len(run_git(folder, "remote").split()) == 1


def daemons(pair: Pair) -> list[int]:
    return [pid for folder in pair.folders for pid in pair.processes(folder) if is_daemon(pid)]


def is_daemon(pid: int) -> bool:
    return b"instep.daemon" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
