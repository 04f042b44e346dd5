"""One user on each of several computers, who all work at once, and what must hold when they are done."""

import threading
import time
from collections.abc import Callable

from tests.conftest import run_git

from .harness import eventually
from .hosts import Hosts
from .ledger import Ledger, lost
from .silence import assert_silence, assert_whole
from .users import User


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
        eventually(lambda: len({run_git(f, "rev-parse", "HEAD") for f in folders}) == 1, "one head")
        assert lost(self.ledgers, folders) == []  # I1
        assert_silence(*folders)  # I13
        assert self._hosts.differences() == []
        for folder in folders:
            assert_whole(folder)
        eventually(lambda: all(self._hosts.status(f)["in_step"] for f in folders), "in step")  # I29
