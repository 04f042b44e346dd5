"""I9: a file that never has a quiet moment is captured all the same, in time, and not over and over (I28)."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from instep.annex.settings import read_settings
from instep.fs.identity import Identity
from instep.git.config import Config
from instep.steps.ages import CAPTURE_AFTER_S, NOTICE_S, Ages, capture_after_s
from tests.conftest import run_git
from tests.steps.side import Side, p

LIMIT_S = 60.0
LOG = p("log")


def identity(size: int, mtime_ns: int = 1) -> Identity:
    return Identity(1, 2, size, mtime_ns, mtime_ns, 0o100644)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ages(clock: Clock) -> Ages:
    return Ages(lambda: LIMIT_S, clock)


def is_now(found: Identity | None) -> Callable[[bytes], Identity | None]:
    return lambda _path: found


def test_who_begins_to_write_is_looked_at_soon_and_insisted_on_at_the_limit(  # I9 I29
    ages: Ages, clock: Clock
) -> None:
    ages.note([LOG])
    assert ages.due(is_now(identity(1))) == set()
    clock.now_s += NOTICE_S
    assert ages.due(is_now(identity(1))) == {LOG}
    assert ages.insisted == set()
    ages.looked([LOG], {LOG}, {})
    clock.now_s += LIMIT_S - NOTICE_S - 0.1
    ages.note([LOG])
    ages.looked([LOG], {LOG}, {})
    assert ages.due(is_now(identity(1))) == set()
    clock.now_s += 0.2
    assert ages.due(is_now(identity(1))) == {LOG}
    assert ages.insisted == {LOG}, "neither events nor looks put the limit off"


def test_a_quiet_look_ends_the_wait(ages: Ages, clock: Clock) -> None:  # I9
    ages.looked([LOG], {LOG}, {})
    ages.looked([LOG], set(), {})
    assert not ages
    clock.now_s += LIMIT_S
    assert ages.due(is_now(identity(1))) == set()


def captured(ages: Ages, clock: Clock, found: Identity) -> None:
    ages.looked([LOG], {LOG}, {})
    clock.now_s += LIMIT_S
    assert ages.due(is_now(found)) == {LOG}
    ages.looked([LOG], {LOG}, {LOG: found})
    assert ages.insisted == set()


def test_a_captured_file_that_goes_on_changing_is_captured_again(ages: Ages, clock: Clock) -> None:  # I9
    captured(ages, clock, identity(1))
    clock.now_s += LIMIT_S - 1
    assert ages.due(is_now(identity(2))) == set()
    clock.now_s += 1
    assert ages.due(is_now(identity(2))) == {LOG}
    assert ages.insisted == {LOG}


def test_a_captured_file_that_does_not_change_is_dropped(ages: Ages, clock: Clock) -> None:  # I28
    captured(ages, clock, identity(1))
    clock.now_s += LIMIT_S
    assert ages.due(is_now(identity(1))) == set()
    assert not ages
    ages.note([LOG])
    assert ages, "its next change counts anew"


def test_a_file_that_was_young_when_captured_is_not_told_by_its_times(ages: Ages, clock: Clock) -> None:  # I4
    young = identity(1, mtime_ns=1 << 62)
    captured(ages, clock, young)
    clock.now_s += LIMIT_S
    assert ages.due(is_now(young)) == {LOG}


@pytest.mark.parametrize(("value", "limit_s"), [("5", 5), ("0.5", 0.5), ("0", 60), ("soon", 60), ("inf", 60)])
def test_the_limit_is_a_setting(a: Side, value: str, limit_s: float) -> None:  # I22
    config: Config = a.state.repo.config
    assert capture_after_s(config) == CAPTURE_AFTER_S
    run_git(a.folder, "config", "instep.captureafter", value)
    config.reload()
    assert capture_after_s(config) == limit_s


# --- the capture ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [b"small\n", b"annexed\n" * 300])
def test_an_open_file_is_captured_when_insisted_on_and_is_not_known(a: Side, text: bytes) -> None:  # I4 I9
    path: Path = a.folder / "log"
    with path.open("wb", buffering=0) as file:
        file.write(text)
        waiting = a.commit("log")
        assert (waiting.commit, waiting.still_open) == (None, {LOG})
        done = a.commit("log", insisted=[LOG])
        assert done.commit is not None
        assert done.captured == {LOG: Identity.of(os.lstat(path))}
        assert (done.closed, done.still_open, done.again) == (set(), {LOG}, {LOG})
        assert a.state.known.identity(LOG) is None, "a write within this tick of the clock would be lost"
        again = a.commit("log", insisted=[LOG])
        assert again.commit is None, "the same content is no change"
        assert a.state.known.identity(LOG) is None
        file.write(b"more")
        os.utime(path, ns=(1, 1))
    assert a.commit("log").commit is not None
    assert a.state.known.identity(LOG) is not None
    a.fsck()


def test_only_what_is_insisted_on_is_captured_open(a: Side) -> None:  # I9
    with (a.folder / "log").open("wb") as file, (a.folder / "other").open("wb") as other:
        for each in (file, other):
            each.write(b"begun")
            each.flush()
        assert a.commit("log", "other", insisted=[LOG]).still_open == {LOG, p("other")}
        assert a.names() == ["log"]


def test_with_thin_the_writer_does_not_go_on_in_the_object(a: Side) -> None:  # I9 I12
    run_git(a.folder, "config", "annex.thin", "true")
    a.state.repo.config.reload()
    a.state.settings = read_settings(a.state.repo, a.opened.annex_branch)
    with (a.folder / "film.bin").open("wb", buffering=0) as file:
        file.write(b"x" * (2 << 20))
        assert a.commit("film.bin", insisted=[p("film.bin")]).commit is not None
        key = a.key("film.bin")
        file.write(b"more")
        assert a.state.store.verify(key, a.state.store.path(key))
