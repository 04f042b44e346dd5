"""Random users let loose on both folders: equal trees, nothing lost, sound repositories, then silence.

A failing run prints its seed (see `chance`).
"""

import threading
import time
from pathlib import Path

import pytest

from tests.conftest import run_git

from .chance import seed_of_run
from .harness import Pair, differences
from .ledger import Ledger, lost
from .silence import assert_silence, assert_sound, eventually_clean
from .users import User

ROUNDS = 4
ROUND_S = 2.0
USERS_A_FOLDER = 2


class Episode:
    """One pair, its users and their ledgers, from one seed."""

    def __init__(self, pair: Pair, seed: int) -> None:
        self.pair = pair
        self.folders = (pair.a, pair.b)
        self.ledgers = [Ledger(), Ledger()]
        self.users: list[User] = []
        for folder, ledger in zip(self.folders, self.ledgers, strict=True):
            turn = threading.Lock()
            for n in range(USERS_A_FOLDER):
                self.users.append(User(folder, ledger, turn, f"{seed}-{folder.name}{n}"))

    def play(self) -> None:
        """Rounds of activity, each ended by a quiet moment whose contents must last."""
        for _ in range(ROUNDS):
            self._round()
            for ledger in self.ledgers:
                ledger.keep()
            self.pair.settle()
            for folder, ledger in zip(self.folders, self.ledgers, strict=True):
                ledger.keep_tree(folder)

    def _round(self) -> None:
        stop = threading.Event()
        threads = [threading.Thread(target=user.run, args=(stop,)) for user in self.users]
        for thread in threads:
            thread.start()
        time.sleep(ROUND_S)  # the users' time
        stop.set()
        for thread in threads:
            thread.join()

    def summary(self) -> str:
        """What the users did, for the report."""
        total: dict[str, int] = {}
        for user in self.users:
            for action, count in user.done.items():
                total[action] = total.get(action, 0) + count
        kept = sum(len(ledger.kept) for ledger in self.ledgers)
        return f"{total}, {kept} contents that must last"


def refs_of_branches(folder: Path) -> bytes:
    """The branch and the git-annex branch."""
    return run_git(folder, "rev-parse", "HEAD", "git-annex")


def run_episode(top: Path, seed: int) -> None:
    """One episode and everything that must hold after it."""
    with Pair(top) as pair:
        try:
            episode = Episode(pair.up(), seed)
            episode.play()
            print(episode.summary(), flush=True)
            assert lost(episode.ledgers, episode.folders) == []  # I1 I5
            assert_silence(*episode.folders)
            assert differences(*episode.folders) == []  # I13
            assert refs_of_branches(pair.a) == refs_of_branches(pair.b)  # I14
            eventually_clean(episode.folders)
            pair.down()
            for folder in episode.folders:
                assert_sound(folder)
        except BaseException:
            for title, text in pair.reports():
                print(f"--- {title}\n{text}")
            raise


@pytest.mark.timeout(300)
@pytest.mark.parametrize("run", [1, 2])
def test_random_users(tmp_path: Path, run: int) -> None:  # I1 I4 I5 I6 I13 I14 I18 I30
    run_episode(tmp_path, seed_of_run())
