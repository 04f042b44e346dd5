"""Directories that are as they were are told from those that changed."""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from instep.core.types import RelPath
from instep.fs.listed import EXACT, MARGIN_NS, Listed, list_all
from instep.fs.syscalls import filesystem_magic
from instep.fs.watcher import TreeWatcher
from tests.fs.follower import grain_of, keep_all, skip_ignored

SKIPPED = {".git", "ignored"}
Listing = dict[RelPath, Listed]


@pytest.fixture
def root(exact_disk: Path) -> Path:
    """A folder with files and directories, one of them ignored."""
    for name in ("a/b/file", "a/file", "c/file", "ignored/file", ".git/HEAD", "c/.gitignore"):
        path = exact_disk / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("one\n")
    (exact_disk / "link").symlink_to("a")
    return exact_disk


def listing(root: Path, *, after_ns: int = 2 * MARGIN_NS) -> Listing | None:
    """As if taken a while from now."""
    root_fd = os.open(root, os.O_PATH)
    try:
        assert filesystem_magic(root_fd) in EXACT
        return list_all(root_fd, skip_ignored, time.time_ns() + after_ns)
    finally:
        os.close(root_fd)


def started(root: Path, listed: Listing | None) -> TreeWatcher:
    watcher = TreeWatcher(os.fsencode(root), skip_ignored, grain_of(root))
    watcher.start(listed)
    return watcher


def assert_all_is_heard(root: Path, watcher: TreeWatcher) -> None:
    """Every directory is watched; closes the watcher."""
    watcher.read()
    places = [root, *(place for place in root.rglob("*") if place.is_dir() and not place.is_symlink())]
    new = {place / "heard" for place in places if SKIPPED.isdisjoint(place.parts)}
    for path in new:
        path.touch()
    assert watcher.read().dirty == {bytes(path.relative_to(root)) for path in new}
    watcher.close()


def test_all_is_recorded_but_what_is_skipped(root: Path) -> None:
    listed = listing(root)
    assert listed is not None
    inner = {path: set(directory.inner) for path, directory in listed.items()}
    assert inner == {b"": {b"a", b"c"}, b"a": {b"b"}, b"a/b": set(), b"c": set()}


def test_what_changed_a_moment_ago_is_not_recorded(root: Path) -> None:  # I21
    assert listing(root, after_ns=0) is None


def test_what_is_the_same_is_watched_without_listing_it(root: Path) -> None:  # I21
    watcher = started(root, listing(root))
    assert watcher.all_as_listed
    assert_all_is_heard(root, watcher)


CHANGES: dict[str, Callable[[Path], object]] = {
    "a new file": lambda root: (root / "a/b/new").touch(),
    "a file is gone": lambda root: (root / "c/file").unlink(),
    "a new name": lambda root: (root / "c/file").rename(root / "c/other"),
    "a file was replaced": lambda root: (root / "a/file").rename(root / "c/file"),
    "a new directory": lambda root: (root / "a/b/new").mkdir(),
    "a directory moved": lambda root: (root / "a/b").rename(root / "c/b"),
    "a directory was made anew": lambda root: [(root / "c").rename(root / "d"), (root / "c").mkdir()],
    "ignore rules changed in place": lambda root: (root / "c/.gitignore").write_text("two\n"),
    "ignore rules came": lambda root: (root / "a/.gitignore").touch(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_is_found(root: Path, change: str) -> None:  # I21
    listed = listing(root)
    CHANGES[change](root)
    watcher = started(root, listed)
    assert not watcher.all_as_listed
    assert_all_is_heard(root, watcher)


def test_what_is_below_changed_rules_is_listed_too(root: Path) -> None:  # I22
    (root / "a/.gitignore").write_text("one\n")
    listed = listing(root)
    assert listed is not None
    (root / "a/.gitignore").write_text("other\n")
    (root / "a/b/inner").mkdir()
    os.utime(root / "a/b")
    root_fd = os.open(root, os.O_PATH)
    now = list_all(root_fd, keep_all, time.time_ns() + 2 * MARGIN_NS)
    os.close(root_fd)
    assert now is not None
    listed[RelPath(b"a/b")] = now[RelPath(b"a/b")]._replace(inner=())  # as if the rules had skipped it
    watcher = started(root, listed)
    (root / "a/b/inner/new").touch()
    assert watcher.read().dirty == {b"a/b/inner/new"}
    watcher.close()


@pytest.mark.parametrize("what", ["socket", "repository"])
def test_what_is_to_be_told_of_at_each_start_is_not_recorded(root: Path, what: str) -> None:  # I23
    if what == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(root / "c/socket"))
    else:
        (root / "c/.git").mkdir()
    assert listing(root) is None


def test_nothing_is_believed_where_others_write(root: Path) -> None:  # I21
    watcher = TreeWatcher(os.fsencode(root), keep_all, grain_of(root), unreliable=True)
    watcher.start(listing(root))
    assert not watcher.all_as_listed
    watcher.close()
