"""I21: whatever happened or was dropped, looking where the watcher says gives what a scan gives."""

import errno
import os
import resource
import select
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instep.core.types import RelPath
from instep.fs import inotify
from instep.fs.grain import Grain
from instep.fs.inotify import Ears
from instep.fs.watcher import TreeWatcher

from .bursts import Burst
from .conftest import Root
from .follower import ROOT, Follower, grain_of, picture, skip_ignored


class FewWatches(inotify.Inotify):
    """The kernel's answer at the limit of watches."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.wds: set[int] = set()
        self.tries = 0

    def add(self, path: bytes, mask: int) -> int:
        self.tries += 1
        wd = super().add(path, mask)
        self.wds.add(wd)
        if len(self.wds) > self.limit:
            self.wds.discard(wd)
            self.remove(wd)
            raise OSError(28, "No space left on device")
        return wd

    def remove(self, wd: int) -> None:
        self.wds.discard(wd)
        super().remove(wd)


ALL_EARS: dict[str, Callable[[], Ears]] = {
    "kernel": inotify.open_ears,
    "portable": inotify.Deaf,
    "kernel at its limit": lambda: FewWatches(3),
}


@pytest.fixture(params=ALL_EARS)
def ears(request: pytest.FixtureRequest) -> Ears:
    """Each way to watch: what holds of one must hold of all."""
    return ALL_EARS[request.param]()


@pytest.fixture
def follower(root: Root) -> Iterator[Follower]:
    follower = Follower(root.path)
    yield follower
    follower.close()


def in_step(follower: Follower) -> bool:
    follower.follow()
    return follower.picture == picture(follower.root)


def holds_after(root: Root, ears: Ears, acts: list[Callable[[], object]]) -> None:
    """After each act on its own: every one must be noticed by itself."""
    follower = Follower(root.path, ears)
    for act in acts:
        act()
        assert in_step(follower)
        assert in_step(follower)
    follower.close()


def test_each_way_to_change_a_file_is_noticed(root: Root, ears: Ears) -> None:
    f, g = root.at(root.file(b"d/f", b"123456")), root.at(b"d/g")
    outside = root.path.parent / "outside"
    outside.write_bytes(b"from outside")
    holds_after(
        root,
        ears,
        [
            lambda: f.write_bytes(b"1234"),
            lambda: os.truncate(f, 2),
            lambda: f.chmod(0o755),
            lambda: f.rename(g),
            lambda: os.link(outside, f),
            f.unlink,
            lambda: outside.rename(f),
            lambda: f.rename(outside),
            lambda: f.symlink_to("g"),
            lambda: os.replace(g, f),
            lambda: os.mkfifo(g),
            g.unlink,
            g.touch,
        ],
    )


def test_each_way_to_change_a_directory_is_noticed(root: Root, ears: Ears) -> None:
    root.file(b"d/e/f")
    d, outside = root.at(b"d"), root.path.parent / "outside"
    holds_after(
        root,
        ears,
        [
            lambda: root.file(b"new/with/file"),
            lambda: root.file(b"new/with/second"),
            lambda: d.rename(root.at(b"new/d")),
            lambda: root.file(b"new/d/e/g"),
            lambda: root.at(b"new").rename(outside),
            lambda: (outside / "d" / "e" / "g").write_bytes(b"2"),
            lambda: outside.rename(d),
            lambda: root.file(b"d/d/e/g", b"3"),
            lambda: d.rename(root.at(b"ignored-d")),
            lambda: root.file(b"ignored-d/d/e/g", b"4"),
            lambda: root.at(b"ignored-d").rename(d),
            lambda: root.file(b"d/d/e/g", b"5"),
            lambda: shutil.rmtree(d),
            lambda: root.file(b"d/e/f", b"6"),
        ],
    )


def test_watches_are_as_many_as_directories(root: Root, follower: Follower) -> None:
    for path in (b"a/b/c/f", b"a/ignored-x/y/f"):
        root.file(path)
    follower.follow()
    assert len(follower.watcher) == 4
    root.at(b"a").rename(root.path.parent / "out")
    follower.follow()
    assert len(follower.watcher) == 1


@given(seed=st.integers(0, 2**32), kind=st.sampled_from(sorted(ALL_EARS)))
@settings(max_examples=12)
def test_bursts_of_another_process(tmp_path_factory: pytest.TempPathFactory, seed: int, kind: str) -> None:
    root = tmp_path_factory.mktemp("burst") / "root"
    root.mkdir()
    Burst(root, seed).run(30)
    follower = Follower(root, ALL_EARS[kind]())
    child = os.fork()  # a process: a thread would take turns with us
    if child == 0:
        try:
            Burst(root, seed + 1).run(250)
        finally:
            os._exit(0)
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        follower.follow()
    assert in_step(follower)
    follower.close()
    shutil.rmtree(root)


def test_a_real_overflow_means_look_everywhere(root: Root, follower: Follower) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    a, b = root.at(root.file(b"a")), root.at(root.file(b"b"))
    follower.follow()
    for _ in range(limit // 2 + 10):  # alternating: equal events in a row are one
        a.chmod(0o600)
        b.chmod(0o600)
    root.file(b"lost/in/the/flood")
    assert follower.follow().scan == {ROOT}
    assert follower.picture == picture(root.path)
    root.file(b"lost/in/the/end")
    assert in_step(follower)


def test_many_new_files_are_all_reported(root: Root, follower: Follower) -> None:
    dirty: set[RelPath] = set()
    for n in range(10_000):
        os.close(os.open(root.at(b"%d" % n), os.O_CREAT | os.O_WRONLY))
        if n % 3000 == 0:
            dirty |= follower.watcher.read().dirty
    assert select.select([follower.watcher], [], [], 0)[0]
    dirty |= follower.watcher.read().dirty
    assert dirty == {b"%d" % n for n in range(10_000)}
    assert not select.select([follower.watcher], [], [], 0)[0]


def test_a_file_is_dirty_when_it_is_closed(root: Root, follower: Follower) -> None:
    with root.at(b"f").open("wb", buffering=0) as out:
        for _ in range(2):
            out.write(b"1")
            observed = follower.follow()
            assert (observed.dirty, observed.busy) == (set(), {b"f"})
    assert follower.follow().dirty == {b"f"}
    os.truncate(root.at(b"f"), 1)
    assert follower.follow().dirty == {b"f"}


def test_repositories_inside_are_left_alone(root: Root) -> None:
    """I23"""
    root.file(b"inner/.git/HEAD")
    root.file(b"plain/below/f")
    follower = Follower(root.path)
    assert follower.watcher.nested == {b"inner"}
    root.file(b"inner/f")
    root.file(b"inner/.git/index")
    observed = follower.follow()
    assert (observed.dirty, observed.scan) == (set(), set())
    root.at(b"plain/.git").mkdir()
    assert in_step(follower)
    assert follower.watcher.nested == {b"inner", b"plain"}
    shutil.rmtree(root.at(b"inner/.git"))
    assert in_step(follower)
    assert b"inner/f" in follower.picture
    root.at(b"plain").rename(root.at(b"moved"))
    assert in_step(follower)
    assert follower.watcher.nested == {b"moved"}
    follower.close()


def test_ignored_names_are_not_reported_and_asked_about_again(root: Root) -> None:
    """I22"""
    ignored = {b"build"}
    watcher = TreeWatcher(root.name, lambda path, is_directory: path in ignored, grain_of(root.path))
    root.file(b"build/f")
    watcher.start()
    root.file(b"build/g")
    assert watcher.read().dirty == set()
    ignored.clear()
    watcher.refresh()
    root.file(b"build/g", b"2")
    assert watcher.read().dirty == {b"build/g"}
    ignored.add(RelPath(b"build"))
    watcher.refresh()
    root.file(b"build/g", b"3")
    assert watcher.read().dirty == set()
    watcher.close()


@pytest.mark.parametrize("way", ["moved", "deleted", "unlinked .git"])
def test_a_root_that_goes_is_said_so(root: Root, way: str) -> None:
    root.at(b".git").mkdir()
    watcher = TreeWatcher(root.name, skip_ignored, grain_of(root.path))
    watcher.start()
    assert not watcher.read().root_gone
    match way:
        case "moved":
            root.path.rename(root.path.parent / "elsewhere")
        case "deleted":
            shutil.rmtree(root.path)
        case _:
            root.at(b".git").rmdir()
    assert watcher.read().root_gone
    watcher.close()


def test_a_root_made_anew_is_not_the_root(root: Root) -> None:
    watcher = TreeWatcher(root.name, skip_ignored, grain_of(root.path))
    watcher.start()
    root.path.rename(root.path.parent / "elsewhere")
    root.path.mkdir()
    watcher.refresh()
    assert watcher.read().root_gone
    assert len(watcher) == 0
    watcher.close()


def test_past_the_limit_of_watches_the_rest_is_looked_at(root: Root) -> None:
    """I21"""
    for name in (b"a/x/f", b"b/x/f"):
        root.file(name)
    few = FewWatches(2)
    follower = Follower(root.path, few)
    watcher = follower.watcher
    assert (len(watcher), len(watcher.unwatched)) == (2, 2)
    for name in (b"a/x/f", b"b/x/f", b"b/new/f", b"c/f"):
        root.file(name, b"changed")
        assert in_step(follower)
    few.limit = 100
    follower.follow()
    assert (len(watcher), watcher.unwatched) == (7, set())
    for name in (b"a/x/f", b"b/x/f", b"b/new/f", b"c/f"):
        root.file(name, b"and again")
        assert watcher.read().dirty == {name}
    follower.close()


def test_without_descriptors_what_comes_is_watched_later(root: Root) -> None:
    """I21 I26"""
    follower = Follower(root.path)
    watcher = follower.watcher
    root.file(b"new/f")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        watcher.read()
        assert watcher.unwatched == {b"new"}
        watcher.refresh()
        assert watcher.unwatched == {b""}
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    follower.follow()
    assert (len(watcher), watcher.unwatched) == (2, set())
    root.file(b"new/f", b"changed")
    assert watcher.read().dirty == {b"new/f"}
    follower.close()


class Failing(inotify.Inotify):
    """The kernel's answer while the disk fails."""

    fails = False

    def add(self, path: bytes, mask: int) -> int:
        if self.fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().add(path, mask)


def test_a_root_that_the_disk_would_not_give_is_watched_later(root: Root) -> None:
    """I21 I26"""
    root.file(b"d/f")
    ears = Failing()
    follower = Follower(root.path, ears)
    watcher = follower.watcher
    ears.fails = True
    watcher.refresh()
    assert (watcher.hidden, watcher.unheard) == ({b""}, {b""})
    ears.fails = False
    follower.follow()
    assert (watcher.hidden, watcher.unheard) == (set(), set())
    root.file(b"d/f", b"changed")
    assert watcher.read().dirty == {b"d/f"}
    follower.close()


def test_at_the_limit_a_round_tries_one_watch(root: Root) -> None:
    """I28"""
    for n in range(200):
        root.file(b"%d/f" % n)
    few = FewWatches(50)
    follower = Follower(root.path, few)
    before = few.tries
    assert (follower.watcher.retry(), few.tries - before) == (set(), 1)
    follower.close()


def test_what_was_never_looked_at_is_scanned_once(root: Root) -> None:
    """I21 I28"""
    root.file(b"d/f")
    follower = Follower(root.path, inotify.Deaf(), Grain(root.path.stat().st_dev, 0))
    observed = follower.follow()
    assert (observed.dirty, observed.scan) == (set(), set())  # the start's own look is the first
    follower.close()


@pytest.mark.usefixtures("bound_by_permissions")
def test_a_directory_that_becomes_readable_is_scanned(root: Root) -> None:
    root.file(b"d/e/f")
    root.at(b"d").chmod(0)
    watcher = TreeWatcher(root.name, skip_ignored, grain_of(root.path))
    watcher.start()
    for _ in range(2):
        assert watcher.unreadable == {b"d"}
        root.at(b"d").chmod(0o755)
        assert watcher.read().scan == {b"d"}
        assert watcher.unreadable == set()
        root.at(b"d").chmod(0)
        assert watcher.read().scan == {b"d"}
    root.at(b"d").chmod(0o755)
    root.at(b"d").rename(root.path / "moved")
    watcher.read()
    root.file(b"moved/e/g")
    assert watcher.read().dirty == {b"moved/e/g"}
    watcher.close()


def test_names_are_bytes(root: Root, ears: Ears) -> None:
    follower = Follower(root.path, ears)
    for name in (b"n\xff\nx", b"-rf", b"n" * 255, b"d\xfe/\xff"):
        root.file(name)
        assert in_step(follower)
    follower.close()
