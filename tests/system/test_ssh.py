"""Folders on two computers: a real sshd, real ssh, and instep at both ends."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import run_git

from .far_pair import FarPair
from .harness import eventually, head
from .sshd import HOST
from .worktree import read, tree, write


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarPair]:
    """Two folders in step over ssh, shared by the tests of this module that only use them."""
    with FarPair(tmp_path_factory.mktemp("linked")) as pair:
        pair.far.noise.write_text("echo Welcome; echo '{}'; printf 'instep-link: You have mail. '\n")
        yield pair.up()


def test_both_directions_flow_over_the_one_connection(linked: FarPair) -> None:
    write(linked.a, "here.txt", b"from here\n")
    linked.wait(linked.a)
    assert read(linked.b, "here.txt") == b"from here\n"
    write(linked.b, "there.txt", b"from there\n")
    linked.wait(linked.b)
    assert read(linked.a, "there.txt") == b"from there\n"
    linked.assert_equal()
    assert head(linked.a) == head(linked.b)
    [remote] = linked.status(linked.a)["remotes"]
    assert (remote["name"], remote["url"], remote["in_step"]) == (HOST, f"{HOST}:Docs", True)
    assert run_git(linked.b, "remote") == b"", "nobody knows how to call back"
    assert len(linked.ssh_processes()) == 1


def test_large_content_goes_both_ways(linked: FarPair) -> None:  # I11
    for here, there in ((linked.a, linked.b), (linked.b, linked.a)):
        data = os.urandom(9 << 20)
        write(here, f"large-{here.name}", data)
        linked.wait(here)
        assert read(there, f"large-{here.name}") == data


def test_the_connection_is_made_again(linked: FarPair) -> None:  # I15
    [ssh] = linked.ssh_processes()
    os.kill(ssh, signal.SIGKILL)
    write(linked.b, "after.txt", b"came after\n")
    eventually(lambda: read(linked.a, "after.txt") == b"came after\n", "the change over a new connection")
    eventually(lambda: len(linked.ssh_processes()) == 1, "one connection")
    linked.assert_equal()


def test_the_far_process_is_started_by_who_calls(linked: FarPair) -> None:  # I27
    linked.signal_one(linked.daemon(linked.b), signal.SIGKILL)
    write(linked.b, "while-down.txt", b"nobody looked\n")
    eventually(lambda: read(linked.a, "while-down.txt") is not None, "the far process started again")
    linked.assert_equal()


def test_but_not_when_a_person_stopped_it(linked: FarPair) -> None:  # I29
    linked.instep("down", linked.b)
    write(linked.a, "later.txt", b"waits\n")
    eventually(
        lambda: "stopped there by hand" in linked.status(linked.a)["remotes"][0]["reason"], "the reason"
    )
    assert read(linked.b, "later.txt") is None
    linked.instep("up", linked.b)
    eventually(lambda: read(linked.b, "later.txt") == b"waits\n", "the change after it was started again")
    linked.assert_equal()


def fresh(folder: Path) -> None:
    """Nothing is there."""


def empty(folder: Path) -> None:
    folder.mkdir()


def files(folder: Path) -> None:
    write(folder, "shared.txt", b"the same\n")
    write(folder, f"only-{folder.parent.name}.txt", b"one side\n")


def repository(folder: Path) -> None:
    files(folder)
    run_git(folder, "init", "-q", "-b", "trunk")
    run_git(folder, "add", ".")
    run_git(folder, "commit", "-q", "-m", "old")


@pytest.mark.parametrize(
    ("here", "there"),
    [(files, empty), (fresh, repository), (repository, fresh), (files, files), (empty, files)],
)
def test_whatever_is_there_is_adopted(
    far_pair: FarPair, here: Callable[[Path], None], there: Callable[[Path], None]
) -> None:
    here(far_pair.a)
    there(far_pair.b)
    before = tree(far_pair.a) if here is not fresh and here is not empty else {}
    before |= tree(far_pair.b) if there is not fresh and there is not empty else {}
    far_pair.up()
    far_pair.assert_equal()
    assert tree(far_pair.a) == before
    assert head(far_pair.a) == head(far_pair.b)
    branches = {run_git(side, "branch", "--show-current") for side in (far_pair.a, far_pair.b)}
    assert len(branches) == 1
    for side in (far_pair.a, far_pair.b):
        assert run_git(side, "annex", "config", "--get", "annex.largefiles") == b"largerthan=64kb\n"
    said = far_pair.instep("up", far_pair.a, f"{HOST}:Docs").out
    assert "already kept in step" in said, "again changes nothing"
