"""Chains, stars and rings of computers: what arrives goes on to all, and then there is silence."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import run_git

from .chance import SOAK, seed_of_run
from .harness import eventually
from .hosts import GRAPHS, Hosts
from .ledger import Ledger, lost
from .network import Network
from .silence import assert_silence, assert_whole
from .users import User

ROUND_S = 10.0 if SOAK else 1.5

Graph = Callable[[str], Hosts]


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[Graph]:
    """Makes the hosts of a graph, with their folders in step."""
    made: list[Hosts | Network] = []

    def make(name: str) -> Hosts:
        count, links = GRAPHS[name]
        network = Network(count).__enter__()
        made.append(network)
        hosts = Hosts(tmp_path, network, links)
        made.append(hosts)
        return hosts.__enter__().up()

    yield make
    for each in reversed(made):
        each.__exit__(None, None, None)


class Crowd:
    """One user on each host, who all work at once."""

    def __init__(self, hosts: Hosts, seed: int) -> None:
        self._hosts = hosts
        self.ledgers = [Ledger() for _ in hosts.folders]
        self._users = [
            User(folder, ledger, threading.Lock(), f"{seed}-{number}")
            for number, (folder, ledger) in enumerate(zip(hosts.folders, self.ledgers, strict=True))
        ]

    def work(self, for_s: float, meanwhile: Callable[[], None] = lambda: None) -> None:
        """All of them, until the time is up and `meanwhile` is over."""
        stop = threading.Event()
        threads = [threading.Thread(target=user.run, args=(stop,)) for user in self._users]
        for thread in threads:
            thread.start()
        end = time.monotonic() + for_s
        meanwhile()
        time.sleep(max(0, end - time.monotonic()))  # the users' time
        stop.set()
        for thread in threads:
            thread.join()
        for ledger in self.ledgers:
            ledger.keep()

    def judge(self) -> None:
        """All are at one, nothing is lost, and then there is silence."""
        folders = self._hosts.folders
        self._hosts.assert_equal()  # I13 I16 I19
        eventually(lambda: len(heads(folders)) == 1, "one head")
        assert lost(self.ledgers, folders) == []  # I1
        assert_silence(*folders)  # I13
        assert self._hosts.differences() == []
        for folder in folders:
            assert_whole(folder)
        eventually(lambda: all(self._hosts.status(f)["in_step"] for f in folders), "in step")  # I29


def heads(folders: list[Path]) -> set[bytes]:
    return {run_git(folder, "rev-parse", "HEAD") for folder in folders}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_of_busy_computers(graph: Graph, name: str) -> None:  # I1 I13 I16 I19
    hosts = graph(name)
    crowd = Crowd(hosts, seed_of_run())
    crowd.work(ROUND_S)
    crowd.judge()
