"""What the kernel tells becomes paths to look at, and settings that changed take effect."""

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from instep.annex.errors import SettingError
from instep.core.types import RelPath
from instep.steps.lag import Cause, Lag
from instep.steps.watch import WatchStep
from tests.steps.side import Side, p


class Told:
    """A watch step, and what it told."""

    def __init__(self, side: Side) -> None:
        self.dirty: set[RelPath] = set()
        self.scans: set[RelPath] = set()
        self.git: set[str] = set()
        self.busy: set[RelPath] = set()
        self.step = WatchStep(side.state, side.opened.watcher, self._take, self._take_git, self.busy.update)

    def _take(self, dirty: Iterable[RelPath], scans: Iterable[RelPath]) -> None:
        self.dirty |= set(dirty)
        self.scans |= set(scans)

    def _take_git(self, what: set[str]) -> None:
        self.git |= what

    def read(self) -> set[RelPath]:
        """What is dirty by now."""
        self.dirty, self.scans = set(), set()
        self.step.read()
        return self.dirty


@pytest.fixture
def told(a: Side) -> Told:
    return Told(a)


def test_a_change_is_there_at_once(a: Side, told: Told) -> None:
    a.write("one", "1")
    assert told.read() == {p("one")}
    (a.folder / "one").unlink()
    assert told.read() == {p("one")}


def test_a_file_that_is_being_written_is_told_of_as_busy(a: Side, told: Told) -> None:  # I9 I29
    with (a.folder / "log").open("wb", buffering=0) as file:
        file.write(b"begun")
        assert (told.read(), told.busy) == (set(), {p("log")})
    assert told.read() == {p("log")}


def test_a_lagging_file_that_is_closed_unchanged_is_told_of(a: Side, told: Told) -> None:  # I4 I13
    a.believe_times()
    a.save("one", "1")
    told.read()
    with (a.folder / "one").open("r+b"):
        pass
    assert told.read() == set()
    a.state.lag.add(p("one"), Lag(a.entry("one"), a.head, Cause.BUSY))
    with (a.folder / "one").open("r+b"):
        pass
    assert told.read() == {p("one")}


def test_a_new_directory_is_looked_through(a: Side, told: Told) -> None:  # I21
    a.write("d/e/one", "1")
    told.read()
    assert told.dirty | told.scans >= {p("d")}


def test_what_was_not_told_because_that_failed_is_looked_for(a: Side) -> None:  # I21 I26
    """The kernel tells everything once."""
    told: list[RelPath] = []
    failures = [OSError(24, "too many open files")]

    def take(dirty: Iterable[RelPath], scans: Iterable[RelPath]) -> None:
        if failures:
            raise failures.pop()
        told.extend([*dirty, *scans])

    step = WatchStep(a.state, a.opened.watcher, take, lambda _: None, lambda _: None)
    a.write("one", "1")
    with pytest.raises(OSError, match="too many"):
        step.read()
    step.read()
    assert told == [p("")]
    step.read()
    assert told == [p("")]


def test_ignored_and_private_files_are_not_told_of(a: Side, told: Told) -> None:  # I22 I23
    a.write(".git/info/exclude", "*.log\n")
    told.read()
    a.write("x.log", "x")
    a.write(".git/instep/thing", "x")
    assert told.read() == set()


def test_new_ignore_rules_hold_at_once(a: Side, told: Told) -> None:  # I22
    a.write("build/one", "1")
    told.read()
    a.write(".gitignore", "build/\n")
    assert p(".gitignore") in told.read()
    assert p("") in told.scans
    a.write("build/two", "2")
    assert told.read() == set()
    a.write(".gitignore", "")
    told.read()
    a.write("build/three", "3")
    assert p("build/three") in told.read()


def test_git_s_own_changes_go_another_way(a: Side, told: Told) -> None:  # I22
    a.git("config", "annex.largefiles", "nothing")
    told.read()
    assert "config" in told.git
    a.save("one", "1")
    told.read()
    assert "refs" in told.git


def test_what_was_just_committed_or_installed_is_no_news(a: Side, b: Side) -> None:  # I4
    a.believe_times()
    b.save("one", "1")
    a.merge(b)
    told = Told(a)
    assert told.read() == set()


@pytest.mark.parametrize("what", [".", "..", ".git"])
def test_a_folder_that_is_gone_is_let_go_of(a: Side, told: Told, what: str) -> None:  # I2 I8
    place = Path(os.path.normpath(a.folder / what))
    away = place.with_name(place.name + "-away")
    place.rename(away)
    told.read()
    assert a.state.gone.is_set()
    away.rename(place)


def test_a_folder_that_is_back_before_anyone_looked_goes_on(a: Side, told: Told) -> None:  # I15
    away = a.folder.with_name("away")
    a.folder.rename(away)
    away.rename(a.folder)
    told.read()
    assert not a.state.gone.is_set()
    a.write("one", "1")
    assert told.read() == {p("one")}


@pytest.mark.parametrize("what", ["", ".git/HEAD"])
def test_a_disk_that_fails_is_no_folder_that_is_gone(
    a: Side, told: Told, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # I2 I26
    away, git = a.folder / "away", a.folder / ".git"
    place, stat = bytes(a.folder / what), os.stat

    def failing(path: bytes, *args: Any, **options: Any) -> os.stat_result:
        if path == place:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return stat(path, *args, **options)

    git.rename(away)
    away.rename(git)  # have it look whether the folder is there
    with monkeypatch.context() as failures:
        failures.setattr(os, "stat", failing)
        with pytest.raises(OSError, match="Input/output error"):
            told.read()
    assert not a.state.gone.is_set()
    a.write("one", "1")
    told.read()
    assert p("") in told.scans
    a.write("two", "2")
    assert told.read() == {p("two")}


def test_nothing_is_made_where_the_folder_was(a: Side) -> None:  # I2
    a.save("one", "1")
    (a.folder / "one").unlink()
    away = a.folder.with_name("away")
    a.folder.rename(away)
    with pytest.raises(OSError, match=r"."):
        a.commit("one")
    assert not a.folder.exists()
    away.rename(a.folder)


def test_a_repository_inside_is_said(a: Side, told: Told) -> None:  # I23
    a.write("inner/.git/HEAD", "ref: refs/heads/main\n")
    a.write("inner/file", "x")
    assert told.read() <= {p("inner")}
    assert ("left-alone-repository", "inner") in a.board.conditions


def test_a_change_of_attributes_has_what_waited_for_it_looked_at(a: Side, told: Told) -> None:  # I22
    a.leave_to_attributes()
    a.write(".gitattributes", "*.odd annex.largefiles=lots\n")
    a.write("one.odd", "1")
    told.read()
    a.state.undecided[p("one.odd")] = "annex.largefiles in .gitattributes"
    with pytest.raises(SettingError):
        a.state.settings.annexes(p("one.odd"), 1)
    a.write(".gitattributes", "*.odd annex.largefiles=nothing\n")
    assert told.read() == {p(".gitattributes"), p("one.odd")}
    assert not a.state.settings.annexes(p("one.odd"), 1)
    (a.folder / ".git/info/attributes").write_text("*.odd annex.largefiles=anything\n")
    assert p("one.odd") in told.read()
    assert a.state.settings.annexes(p("one.odd"), 1)
