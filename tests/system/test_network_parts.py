"""Computers whose network falls apart in every way, under users who go on working."""

import os
import random
import time

import pytest

from .chance import SOAK, seed_of_run
from .crowd import Crowd
from .harness import eventually, head
from .hosts import GRAPHS, Graph, Hosts, reached
from .worktree import read, write

PARTS = 12 if SOAK else 2
EACH_S = 2.0 if SOAK else 0.7


class Weather:
    """What happens to the network, at random."""

    def __init__(self, hosts: Hosts, seed: int) -> None:
        self._hosts = hosts
        self._chance = random.Random(seed)

    def storm(self) -> None:
        """Parts and heals, told and untold, and then all is well."""
        network = self._hosts.network
        for _ in range(PARTS):
            host = self._chance.choice(network.hosts)
            apart = self._chance.choice([self._unplugged, self._parted])
            apart(host)
        network.heal()

    def _unplugged(self, host: int) -> None:
        self._hosts.network.unplug(host)
        time.sleep(EACH_S)  # the storm's time
        self._hosts.network.plug(host)

    def _parted(self, host: int) -> None:
        self._hosts.network.part({host})
        time.sleep(EACH_S)  # the storm's time


@pytest.mark.parametrize("name", list(GRAPHS) if SOAK else ["pair"])
def test_the_network_parts_and_heals_at_random(graph: Graph, name: str) -> None:  # I1 I13 I16 I17 I19 I25
    hosts = graph(name)
    seed = seed_of_run()
    crowd = Crowd(hosts, seed)
    crowd.work(0, Weather(hosts, seed).storm)
    crowd.judge()


def test_a_host_that_is_cut_off_delays_nobody_and_is_found_out(graph: Graph) -> None:  # I15 I17 I25 I29
    hosts = graph("star of three")
    a, hub, b = (hosts.folders[number] for number in (1, 0, 2))
    write(a, "x", b"all have it\n")
    hosts.assert_equal()
    hosts.network.part({2})  # nobody is told
    write(a, "y", b"through the hub\n")
    eventually(lambda: read(hub, "y") is not None, "the others go on")
    eventually(lambda: reached(hosts, hub) == 1, "the silence is noticed")
    before = head(b)
    write(b, "z", b"meanwhile\n")
    eventually(lambda: head(b) != before, "who is alone goes on too")
    os.unlink(a / "x")
    hosts.wait(a)
    hosts.network.unplug(2)
    hosts.network.heal()
    hosts.network.plug(2)  # who called hears that the network is back, and calls at once
    hosts.assert_equal()
    assert read(a, "z") == b"meanwhile\n"
    assert not (b / "x").exists()
