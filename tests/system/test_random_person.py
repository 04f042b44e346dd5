"""People who use git at random in both folders while files change: nothing is lost, then equal and silent.

A failing run prints its seed (see `chance`).
"""

import threading
from pathlib import Path

import pytest

from .chance import seed_of_run
from .episode import Episode
from .git_person import GitPerson
from .harness import Pair
from .ledger import Ledger
from .users import User
from .worktree import write

COMMANDS = 14


class RandomPeople(Episode):
    """In each folder somebody who uses git and somebody who works with the files. The one may throw away what
    the other wrote a moment ago; what both folders held at a quiet moment must last."""

    rounds = 2

    def __init__(self, pair: Pair, seed: int) -> None:
        super().__init__(pair)
        self.people = [GitPerson(folder, f"{seed}-{folder.name}") for folder in self.folders]
        self.users = [
            User(folder, Ledger(), threading.Lock(), f"{seed}-{folder.name}-files") for folder in self.folders
        ]

    def play(self) -> None:
        write(self.pair.a, "first", b"so that main is a branch to come back to\n")
        self.pair.settle()
        super().play()

    def round(self) -> None:
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
        for person in self.people:
            person.come_back()

    def given_up(self) -> set[str]:
        """What one resets or amends comes back from the other, unless that one did so, too. It is in both
        reflogs then, as in any repository."""
        here, there = (person.left() for person in self.people)
        return here & there

    def report(self) -> str:
        return "\n--- git:\n".join("\n".join(person.done) for person in self.people)

    @staticmethod
    def _commands(person: GitPerson) -> None:
        for _ in range(COMMANDS):
            person.act()


@pytest.mark.timeout(300)
def test_random_people(tmp_path: Path) -> None:  # I1 I13 I14 I27 I30
    with Pair(tmp_path) as pair:
        RandomPeople(pair.up(), seed_of_run()).run()
