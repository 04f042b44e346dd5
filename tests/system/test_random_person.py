"""People who use git at random in both folders while files change: nothing is lost, then equal and silent.

A failing run prints its seed (see `chance`).
"""

import threading
from pathlib import Path

import pytest

from .chance import seed_of_run
from .git_person import GitPerson
from .harness import Pair
from .ledger import Ledger, lost
from .silence import assert_silence, assert_sound, eventually_clean
from .test_random_users import refs_of_branches
from .users import User
from .worktree import differences, write

ROUNDS = 2
COMMANDS = 14


class Episode:
    """One pair, in each folder somebody who uses git and somebody who works with the files."""

    def __init__(self, pair: Pair, seed: int) -> None:
        self.pair = pair
        self.folders = (pair.a, pair.b)
        self.ledgers = [Ledger(), Ledger()]
        self.people = [GitPerson(folder, f"{seed}-{folder.name}") for folder in self.folders]
        self.users = [
            User(folder, Ledger(), threading.Lock(), f"{seed}-{folder.name}-files") for folder in self.folders
        ]

    def play(self) -> None:
        """Rounds of activity. A person may throw away what was written a moment ago; what both folders held
        at a quiet moment must last."""
        write(self.pair.a, "first", b"so that main is a branch to come back to\n")
        self.pair.settle()
        for _ in range(ROUNDS):
            self._round()
            for person in self.people:
                person.come_back()
            self.pair.settle()
            for folder, ledger in zip(self.folders, self.ledgers, strict=True):
                ledger.keep_tree(folder)

    def _round(self) -> None:
        stop = threading.Event()
        users = [threading.Thread(target=user.run, args=(stop,)) for user in self.users]
        people = [threading.Thread(target=self._commands, args=(person,)) for person in self.people]
        for thread in (*users, *people):
            thread.start()
        for thread in people:
            thread.join()
        stop.set()
        for thread in users:
            thread.join()

    def _commands(self, person: GitPerson) -> None:
        for _ in range(COMMANDS):
            person.act()


def run_episode(top: Path, seed: int) -> None:
    with Pair(top) as pair:
        episode = Episode(pair.up(), seed)
        try:
            episode.play()
            assert lost(episode.ledgers, episode.folders) == []  # I1
            assert_silence(*episode.folders)
            assert differences(*episode.folders) == []  # I13
            assert refs_of_branches(pair.a) == refs_of_branches(pair.b)  # I14
            eventually_clean(episode.folders)
            pair.down()
            for folder in episode.folders:
                assert_sound(folder)
        except BaseException:
            print("--- differences:\n" + "\n".join(differences(*episode.folders)))
            for person in episode.people:
                print("--- git:\n" + "\n".join(person.done))
            for title, text in pair.reports():
                print(f"--- {title}\n{text}")
            raise


@pytest.mark.timeout(300)
def test_random_people(tmp_path: Path) -> None:  # I1 I13 I14 I27 I30
    run_episode(tmp_path, seed_of_run())
