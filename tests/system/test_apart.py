"""Two computers whose network comes and goes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import run_git

from .apart import Wire
from .far_pair import FarPair
from .harness import eventually, head
from .worktree import read, write


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A network of two computers."""
    with Wire() as wire:
        yield wire


@pytest.fixture
def apart(tmp_path: Path, wire: Wire) -> Iterator[FarPair]:
    """Two folders in step over it."""
    with FarPair(tmp_path, wire) as pair:
        yield pair.up()


def reason(pair: FarPair) -> str:
    return pair.status(pair.a)["remotes"][0]["reason"]


def test_a_network_that_goes_and_comes_back(apart: FarPair, wire: Wire) -> None:  # I13 I15 I17 I29
    write(apart.a, "first.txt", b"together\n")
    apart.assert_equal()
    before = head(apart.a)
    wire.cut()
    write(apart.a, "here.txt", b"while apart\n")
    write(apart.b, "there.txt", b"while apart too\n")
    eventually(lambda: not apart.status(apart.a)["remotes"][0]["reachable"], "the silence noticed")
    eventually(lambda: head(apart.a) != before, "local work goes on")
    assert reason(apart) != ""
    wire.heal()
    eventually(lambda: read(apart.b, "here.txt") is not None, "what was written here")
    eventually(lambda: read(apart.a, "there.txt") is not None, "what was written there")
    apart.assert_equal()


def test_a_host_that_never_answers_delays_nobody(apart: FarPair) -> None:  # I25 I29
    run_git(apart.a, "remote", "add", "dead", "10.79.0.99:Docs")
    eventually(lambda: len(apart.status(apart.a)["remotes"]) == 2, "the remote that is dead")
    write(apart.a, "x", b"x\n")
    apart.instep("wait", "--remote", "far", "--timeout", "30", apart.a)
    assert read(apart.b, "x") == b"x\n"
    eventually(
        lambda: (
            "route to host"
            in next(
                remote["reason"] for remote in apart.status(apart.a)["remotes"] if remote["name"] == "dead"
            )
        ),
        "why it can't be reached",
    )
