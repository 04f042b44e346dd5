"""One side's clock is wrong by decades: no winner changes, nothing is lost, and nobody is kept busy. # I20

The library of Debian's libfaketime gives a process another time of day; what timers use is left alone, as
it is when a clock is set.
"""

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.conftest import run_git

from .chance import SOAK
from .far_pair import FarPair
from .harness import Pair
from .ledger import Ledger, lost
from .silence import assert_silence, assert_whole
from .sshd import FarComputer
from .worktree import Name, read, write

(LIBRARY,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")


PAST, FUTURE, RIGHT = "@1970-01-02 00:00:00", "@2036-06-01 00:00:00", "+0"


def faked(time: Path) -> dict[str, str]:
    """The environment of a process that lives by the time in this file."""
    return {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(time),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_NO_CACHE": "1",
        "NO_FAKE_STAT": "1",
    }


class OddPair(Pair):
    """What is started for `b` alone lives by the time in a file, which can be changed at any moment."""

    def __init__(self, top: Path) -> None:
        super().__init__(top)
        self._time = top / "time"

    def set_clock(self, text: str) -> None:
        self._time.write_text(text + "\n")

    def environment_of(self, args: Sequence[Name]) -> dict[str, str]:
        if self.b not in args or self.a in args:
            return {}
        return faked(self._time)


class OddFarPair(FarPair):
    """The same over ssh: it is the far computer's clock."""

    def __init__(self, top: Path) -> None:
        super().__init__(top)
        self._clock = top / "time"
        self.set_clock(PAST)
        self.far = FarComputer(top / "odd", mark=self.mark | faked(self._clock))
        self.b = self.far.home / "Docs"

    def set_clock(self, text: str) -> None:
        self._clock.write_text(text + "\n")

    def environment_of(self, args: Sequence[Name]) -> dict[str, str]:
        return self.far.environment | faked(self._clock) if self.b in args else {}


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[OddPair]:
    with OddPair(tmp_path) as pair:
        yield pair


def work(pair: Pair, ledgers: dict[Path, Ledger], number: int) -> None:
    """Edits on both sides, of one file too, and a deletion."""
    for folder, ledger in ledgers.items():
        for name in (f"{folder.name}/{number}", "both"):
            data = f"{name} {number} of {folder.name}\n".encode() * 10
            write(folder, name, data)
            ledger.wrote(name.encode(), data)
    if number:
        os.unlink(pair.a / f"a/{number - 1}")
        ledgers[pair.a].removed(f"a/{number - 1}".encode())


def test_a_clock_that_is_decades_wrong(odd: OddPair) -> None:
    odd.set_clock(PAST)
    odd.instep("up", odd.b)
    odd.up()
    ledgers = {odd.a: Ledger(), odd.b: Ledger()}
    for number, text in enumerate([PAST, RIGHT, FUTURE, PAST] if SOAK else [PAST, FUTURE]):
        odd.set_clock(text)
        work(odd, ledgers, number)
        odd.settle()
        for ledger in ledgers.values():
            ledger.keep()
    began_s, used_s = time.monotonic(), [odd.cpu_s(folder) for folder in ledgers]
    assert_silence(*ledgers)  # I13
    for folder, before_s in zip(ledgers, used_s, strict=True):  # I28
        assert odd.cpu_s(folder) - before_s < (time.monotonic() - began_s) / 4
    assert lost(ledgers.values(), list(ledgers)) == []
    assert read(odd.a, "b/0") == read(odd.b, "b/0")
    dates = run_git(odd.a, "log", "--format=%cs").decode().split()
    assert {day[:4] for day in dates} > {PAST[1:5], FUTURE[1:5]}, "the clock was wrong indeed"
    for folder in ledgers:
        assert_whole(folder)
        run_git(folder, "annex", "fsck", "--quiet")


def test_a_far_computer_whose_clock_is_decades_wrong(tmp_path: Path) -> None:
    with OddFarPair(tmp_path) as odd:
        odd.up()
        ledgers = {odd.a: Ledger(), odd.b: Ledger()}
        for number, text in enumerate([PAST, FUTURE, PAST] if SOAK else [PAST, FUTURE]):
            odd.set_clock(text)
            work(odd, ledgers, number)
            odd.settle()
            for ledger in ledgers.values():
                ledger.keep()
        assert_silence(*ledgers)  # I13
        assert lost(ledgers.values(), list(ledgers)) == []
        assert odd.differences() == []
        dates = run_git(odd.a, "log", "--format=%cs").decode().split()
        assert {day[:4] for day in dates} > {PAST[1:5], FUTURE[1:5]}, "the clock was wrong indeed"
