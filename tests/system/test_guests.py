"""A clone that is a remote, and where nothing runs, is kept by a guest for as long as somebody calls it."""

import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from instep.daemon.lock import holder
from instep.daemon.places import is_guest
from tests.conftest import run_git

from .harness import Cluster, eventually, head
from .silence import assert_whole
from .stock import assistant_in
from .worktree import differences, read, write

LARGE = 200_000


class Hosted(Cluster):
    """A is kept, and has as its remote `drive` B, a plain clone of it; C is nothing yet."""

    def __init__(self, top: Path) -> None:
        super().__init__([top / "a", top / "b", top / "c"], [])
        self.a, self.b, self.c = self.folders

    def guest(self) -> int | None:
        """The process that keeps B."""
        return holder(self.b / ".git")

    def drive(self) -> dict[str, object]:
        """What A says of B. ConnectionError if it has not heard yet that B is its remote."""
        for remote in self.status(self.a)["remotes"]:
            if remote["name"] == "drive":
                return remote
        raise ConnectionError("drive is no remote yet")

    def says(self, words: str) -> None:
        """A names B as not in step, for this reason."""
        eventually(lambda: words in str(self.drive()["reason"]), f"A says: {words}")
        assert not self.drive()["reachable"]
        assert not self.status(self.a)["in_step"]


@contextmanager
def cloning(top: Path) -> Generator[Hosted]:
    """B is no remote yet."""
    with Hosted(top) as hosted:
        write(hosted.a, "note.txt", b"one\ntwo\nthree\n")
        write(hosted.a, "large.bin", b"l" * LARGE)
        hosted.instep("up", hosted.a)
        hosted.wait(hosted.a)
        run_git(top, "clone", "-q", str(hosted.a), str(hosted.b))
        yield hosted


def connected(cloned: Hosted) -> Hosted:
    """B is a remote, and in step."""
    run_git(cloned.a, "remote", "add", "drive", str(cloned.b))
    eventually(lambda: cloned.drive()["in_step"], "B is in step")
    return cloned


@pytest.fixture
def cloned(tmp_path: Path) -> Iterator[Hosted]:
    with cloning(tmp_path) as hosted:
        yield hosted


@pytest.fixture
def hosted(cloned: Hosted) -> Hosted:
    return connected(cloned)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    """As `hosted`, for tests that leave it as it was."""
    with cloning(tmp_path_factory.mktemp("shared")) as hosted:
        yield connected(hosted)


def test_edits_go_both_ways_and_wait_counts_the_clone(shared: Hosted) -> None:  # I1 I7 I13 I29 I30
    assert differences(shared.a, shared.b) == []
    write(shared.a, "second.bin", b"s" * LARGE)
    shared.wait(shared.a)
    assert read(shared.b, "second.bin") == b"s" * LARGE
    write(shared.b, "note.txt", b"one\ntwo\nthree, edited there\n")
    write(shared.b, "third.bin", b"t" * LARGE)
    shared.wait(shared.b)
    assert differences(shared.a, shared.b) == []
    assert read(shared.a, "note.txt") == b"one\ntwo\nthree, edited there\n"
    assert_whole(shared.b)
    assert b"failed" not in run_git(shared.b, "annex", "fsck", "--fast")


def test_what_was_done_there_before_anybody_came_arrives(cloned: Hosted) -> None:  # I1 I5
    write(cloned.b, "committed.txt", b"by hand\n")
    run_git(cloned.b, "add", "committed.txt")
    run_git(cloned.b, "commit", "-qm", "by hand")
    write(cloned.b, "note.txt", b"one, only written\ntwo\nthree\n")
    write(cloned.a, "note.txt", b"one\ntwo\nthree, written here\n")
    cloned.wait(cloned.a)
    by_hand = head(cloned.b)
    run_git(cloned.a, "remote", "add", "drive", str(cloned.b))
    both = b"one, only written\ntwo\nthree, written here\n"
    eventually(lambda: read(cloned.a, "note.txt") == read(cloned.b, "note.txt") == both, "both edits")
    eventually(lambda: differences(cloned.a, cloned.b) == [], "equal")
    assert run_git(cloned.a, "merge-base", "HEAD", by_hand).decode().strip() == by_hand


def test_a_commit_by_hand_arrives(shared: Hosted) -> None:  # I1 I27
    write(shared.b, "new.txt", b"new\n")
    run_git(shared.b, "add", "new.txt")
    run_git(shared.b, "commit", "-qm", "by hand", check=False)  # the guest may have been faster
    eventually(lambda: read(shared.a, "new.txt") == b"new\n", "it arrives")
    eventually(lambda: head(shared.a) == head(shared.b), "one head")


@pytest.mark.parametrize("how", ["killed", "down"])
def test_without_a_host_the_guest_ends(hosted: Hosted, how: str) -> None:  # I1 I27
    if how == "killed":
        hosted.signal_one(hosted.daemon(hosted.a), signal.SIGKILL)
    else:
        hosted.instep("down", hosted.a)
    eventually(lambda: hosted.guest() is None and not hosted.processes(), "the guest has left")
    write(hosted.b, "meanwhile.txt", b"written there\n")
    write(hosted.a, "meanwhile too.txt", b"written here\n")
    hosted.instep("up", hosted.a)
    hosted.wait(hosted.a)
    assert differences(hosted.a, hosted.b) == []
    assert read(hosted.a, "meanwhile.txt") == b"written there\n"


def test_a_clone_that_was_stopped_is_left_alone_until_it_is_up(hosted: Hosted) -> None:  # I29
    guest = hosted.guest()
    hosted.instep("down", hosted.b)
    assert hosted.guest() is None
    hosted.says("stopped by hand")
    eventually(lambda: not Path(f"/proc/{guest}").exists(), "A, its parent, leaves no zombie")
    write(hosted.a, "new.txt", b"new\n")
    hosted.wait(hosted.a)  # with those that can be reached
    assert read(hosted.b, "new.txt") is None
    hosted.instep("up", hosted.b)
    eventually(lambda: read(hosted.b, "new.txt") == b"new\n", "after up")
    assert not is_guest(hosted.b / ".git")
    hosted.wait(hosted.b)


def test_the_folder_s_own_process_takes_the_place_of_a_guest(hosted: Hosted) -> None:
    guest = hosted.guest()
    write(hosted.a, "new.bin", b"n" * LARGE)
    hosted.instep("up", hosted.b)
    assert hosted.guest() not in (None, guest)
    assert not is_guest(hosted.b / ".git")
    hosted.wait(hosted.b)
    assert differences(hosted.a, hosted.b) == []


@pytest.fixture
def known_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is started knows of no other test's folders."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.mark.usefixtures("known_apart")
def test_down_all_does_not_keep_a_guest_from_coming_back(hosted: Hosted) -> None:
    hosted.instep("down", "--all")
    assert not hosted.processes()
    write(hosted.a, "new.txt", b"new\n")
    hosted.instep("up", hosted.a)
    hosted.wait(hosted.a)
    assert read(hosted.b, "new.txt") == b"new\n"


def test_a_guest_that_is_killed_is_replaced(shared: Hosted) -> None:  # I27
    guest = shared.guest()
    assert guest is not None
    shared.signal_one(guest, signal.SIGKILL)
    write(shared.b, "unseen.txt", b"new\n")
    eventually(lambda: read(shared.a, "unseen.txt") == b"new\n", "the next guest found it")
    assert shared.guest() not in (None, guest)


def test_two_hosts_share_one_guest_which_outlives_the_first(hosted: Hosted) -> None:  # I16
    hosted.signal(signal.SIGKILL)
    run_git(hosted.c.parent, "clone", "-q", str(hosted.a), str(hosted.c))
    run_git(hosted.c, "remote", "rename", "origin", "a")
    run_git(hosted.c, "remote", "add", "drive", str(hosted.b))
    hosted.instep("up", hosted.c)
    hosted.instep("up", hosted.a)
    hosted.wait(hosted.a, hosted.c)
    guest = hosted.guest()
    assert guest is not None
    hosted.instep("down", hosted.a)
    write(hosted.c, "from c.txt", b"c\n")
    hosted.wait(hosted.c)
    assert read(hosted.b, "from c.txt") == b"c\n"
    assert hosted.guest() == guest


def test_what_can_not_be_kept_is_named(cloned: Hosted) -> None:  # I29
    run_git(cloned.b, "switch", "-qc", "other")
    write(cloned.b, "new.txt", b"new\n")
    run_git(cloned.a, "remote", "add", "drive", str(cloned.b))
    cloned.says("has other")
    assert cloned.guest() is None
    assert not (cloned.b / ".git/annex").exists()
    run_git(cloned.b, "switch", "-q", "main")
    eventually(lambda: read(cloned.a, "new.txt") == b"new\n", "it is tried again")


def test_one_that_is_only_to_be_read_is_read(cloned: Hosted) -> None:  # I29
    run_git(cloned.a, "config", "remote.drive.annex-readonly", "true")
    run_git(cloned.a, "config", "remote.drive.fetch", "+refs/heads/*:refs/remotes/drive/*")
    run_git(cloned.a, "config", "remote.drive.url", str(cloned.b))
    write(cloned.a, "here.txt", b"here\n")
    write(cloned.b, "there.txt", b"there\n")
    run_git(cloned.b, "add", ".")
    run_git(cloned.b, "commit", "-qm", "by hand")
    by_hand = head(cloned.b)
    eventually(lambda: read(cloned.a, "there.txt") == b"there\n", "it is fetched")
    cloned.wait(cloned.a)
    assert (cloned.guest(), head(cloned.b), read(cloned.b, "here.txt")) == (None, by_hand, None)
    assert b"synced" not in run_git(cloned.b, "for-each-ref", "refs/heads")


def test_a_merge_that_is_not_finished_is_waited_for(cloned: Hosted) -> None:  # I1 I29
    run_git(cloned.b, "switch", "-qc", "side")
    write(cloned.b, "note.txt", b"side\n")
    run_git(cloned.b, "commit", "-qam", "side")
    run_git(cloned.b, "switch", "-q", "main")
    write(cloned.b, "note.txt", b"main\n")
    run_git(cloned.b, "commit", "-qam", "main")
    run_git(cloned.b, "merge", "-q", "side", check=False)
    run_git(cloned.a, "remote", "add", "drive", str(cloned.b))
    eventually(lambda: cloned.drive()["reachable"], "it is reached")
    cloned.wait_not(cloned.a)
    write(cloned.b, "note.txt", b"both\n")
    run_git(cloned.b, "commit", "-qam", "merged")
    eventually(lambda: read(cloned.a, "note.txt") == b"both\n", "it arrives when it is finished")


def test_a_guest_leaves_the_folder_to_the_assistant(hosted: Hosted) -> None:
    with assistant_in(hosted.b):
        eventually(lambda: hosted.guest() is None, "the guest has left")
        write(hosted.a, "new.txt", b"new\n")
        eventually(lambda: read(hosted.b, "new.txt") == b"new\n", "the assistant put it there")
