"""Chains, stars and rings of computers: what arrives goes on to all, and then there is silence."""

import os

import pytest

from tests.conftest import run_git

from .chance import SOAK, seed_of_run
from .crowd import Crowd
from .harness import eventually
from .hosts import GRAPHS, Graph, reached
from .worktree import read, write

ROUND_S = 10.0 if SOAK else 0.5
NAMES = list(GRAPHS) if SOAK else ["ring of five"]
"""The model (`test_model`) has a chain of three, too, and the soak has all."""


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_of_busy_computers(graph: Graph, name: str) -> None:  # I1 I13 I16 I19
    hosts = graph(name)
    crowd = Crowd(hosts, seed_of_run())
    crowd.work(ROUND_S)
    crowd.judge()


def test_content_whose_source_is_away_is_wanted_until_it_is_back(graph: Graph) -> None:  # I16 I25 I29
    """The giver is limited, so that it can be cut off in the middle."""
    hosts = graph("chain of three")
    first, between, last = hosts.folders
    run_git(first, "config", "annex.bwlimit", "1 MB")
    film = os.urandom(2_500_000)
    write(first, "film", film)
    eventually(lambda: hosts.status(between)["transfers"], "it is coming")
    hosts.network.unplug(0)
    eventually(lambda: reached(hosts, between) == 1, "it is cut off")
    write(last, "note", b"goes on\n")
    eventually(lambda: read(between, "note") == b"goes on\n", "the others go on")
    assert read(last, "film") != film
    assert not hosts.status(last)["in_step"]
    run_git(first, "config", "--unset", "annex.bwlimit")
    hosts.network.plug(0)
    eventually(lambda: read(last, "film") == film, "it came by the one between")
    hosts.assert_equal()
