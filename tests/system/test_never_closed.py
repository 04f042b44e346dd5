"""I9: files that some program never closes arrive all the same, in time."""

import subprocess
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import run_git

from .harness import Pair, eventually, head

EVERY_S = 0.05


@contextmanager
def appended(path: Path, first: bytes) -> Generator[Callable[[], None]]:
    """A log that grows until what this gives is called, and is held open until the end of this context."""
    enough, stopped, closing = threading.Event(), threading.Event(), threading.Event()

    def write() -> None:
        with path.open("ab", buffering=0) as file:
            file.write(first)
            line = 0
            while not enough.wait(EVERY_S):
                file.write(b"line %d\n" % line)
                line += 1
            stopped.set()
            closing.wait()

    writer = threading.Thread(target=write)
    writer.start()

    def stop() -> None:
        enough.set()
        stopped.wait()

    try:
        yield stop
    finally:
        enough.set()
        closing.set()
        writer.join()


def codes(pair: Pair) -> set[str]:
    return {item["code"] for item in pair.status(pair.a)["attention"]}


def commits(folder: Path) -> int:
    return int(run_git(folder, "rev-list", "--count", "HEAD"))


@pytest.mark.parametrize("first_bytes", [10, 9 << 20], ids=["small", "large"])
def test_a_log_that_is_never_closed_arrives_as_it_grows(pair: Pair, first_bytes: int) -> None:  # I4 I9 I29
    pair.up()
    pair.down()
    subprocess.run(["git", "-C", pair.a, "config", "instep.captureafter", "0.5"], check=True)
    pair.up()
    here, there = pair.a / "log", pair.b / "log"
    with appended(here, b"-" * first_bytes) as stop:
        eventually(lambda: there.exists() and there.stat().st_size >= first_bytes, "the first capture")
        first = there.read_bytes()
        assert here.read_bytes().startswith(first)
        eventually(lambda: "still-open" in codes(pair), "named")
        eventually(lambda: len(there.read_bytes()) > len(first), "another one")
        assert here.read_bytes().startswith(there.read_bytes())
        stop()
        eventually(lambda: there.read_bytes() == here.read_bytes(), "all of it, while it is open")
        eventually(lambda: head(pair.a) == head(pair.b), "recorded here too: it is told of before (ADR 5)")
        whole = commits(pair.a)
    pair.assert_equal()
    eventually(lambda: not codes(pair), "named no more")
    assert head(pair.a) == head(pair.b), "what the receiver got is no change of its own"
    assert commits(pair.a) == whole, "what was captured whole is no change when it is closed"
