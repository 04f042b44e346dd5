"""Random users let loose on both folders: equal trees, nothing lost, sound repositories, then silence.

A failing run prints its seed (see `chance`).
"""

import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from .chance import seed_of_run
from .disk import can_have_disks, whole_seconds
from .episode import Episode
from .harness import Pair
from .users import User

ROUND_S = 2.0
USERS_A_FOLDER = 2


class RandomUsers(Episode):
    """Users who know of each other in their folder: what one completed must last until another undoes it."""

    rounds = 4

    def __init__(self, pair: Pair, seed: int) -> None:
        super().__init__(pair)
        self.users: list[User] = []
        for folder, ledger in self.ledgers.items():
            turn = threading.Lock()
            for n in range(USERS_A_FOLDER):
                self.users.append(User(folder, ledger, turn, f"{seed}-{folder.name}{n}"))

    def round(self) -> None:
        stop = threading.Event()
        threads = [threading.Thread(target=user.run, args=(stop,)) for user in self.users]
        for thread in threads:
            thread.start()
        time.sleep(ROUND_S)  # the users' time
        stop.set()
        for thread in threads:
            thread.join()
        for ledger in self.ledgers.values():
            ledger.keep()

    def report(self) -> str:
        total = sum((Counter(user.done) for user in self.users), Counter[str]())
        kept = sum(len(ledger.kept) for ledger in self.ledgers.values())
        return f"{dict(total)}, {kept} contents that must last"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("run", [1, 2])
def test_random_users(tmp_path: Path, run: int) -> None:  # I1 I4 I5 I6 I13 I14 I18 I30
    with Pair(tmp_path) as pair:
        RandomUsers(pair.up(), seed_of_run()).run()


@pytest.mark.skipif(not can_have_disks(), reason="needs root, to mount a disk")
@pytest.mark.timeout(300)
def test_random_users_where_times_are_whole_seconds(tmp_path: Path) -> None:  # I1 I4 I5 I14
    with whole_seconds(tmp_path) as place, Pair(place) as pair:
        RandomUsers(pair.up(), seed_of_run()).run()
