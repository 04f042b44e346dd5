"""A person who uses git in a folder at random, while its files change and instep runs."""

import os
import random
import subprocess
from pathlib import Path

from tests.conftest import PERSON

from .harness import eventually
from .ledger import objects_of

_EDITORS = {"GIT_EDITOR": "true", "GIT_SEQUENCE_EDITOR": "sed -i -e 1s/pick/edit/"}

_HABITS: list[tuple[str, int]] = [
    ("add -A", 6),
    ("commit -q -a -m by-hand", 10),
    ("commit -q --allow-empty -m empty", 3),
    ("commit -q --amend --no-edit", 6),
    ("commit -q -a --amend -m amended", 4),
    ("checkout -q -b side", 5),
    ("checkout -q side", 6),
    ("checkout -q main", 14),
    ("checkout -q --detach", 2),
    ("branch -q -D side", 3),
    ("stash -q -u", 5),
    ("stash pop -q", 6),
    ("reset -q --hard HEAD~1", 3),
    ("reset -q --hard", 3),
    ("reset -q --soft HEAD~1", 3),
    ("reset -q HEAD~1", 3),
    ("rebase -q side", 3),
    ("rebase -q -i HEAD~2", 4),
    ("rebase --continue", 6),
    ("rebase --abort", 2),
    ("merge -q --no-edit side", 5),
    ("merge --abort", 2),
    ("cherry-pick side", 4),
    ("cherry-pick --abort", 3),
    ("revert --no-edit HEAD", 3),
    ("revert --abort", 2),
    ("rm -q -r --ignore-unmatch work", 1),
    ("mv notes.txt renamed.txt", 2),
    ("gc -q", 2),
    ("repack -q -a -d", 2),
    ("reflog expire --expire=now --all", 1),
    ("annex add -q .", 3),
    ("annex unlock -q .", 2),
    ("annex lock -q .", 2),
    ("annex drop -q .", 2),
    ("annex get -q .", 2),
    ("annex sync -q --no-content", 2),
]
"""Commands, and how often they are chosen. Many fail, as a person's do: that is part of it."""


class GitPerson:
    """What a person does in one folder; follows from the seed and from what the commands find."""

    def __init__(self, folder: Path, seed: str) -> None:
        self._folder = folder
        self._chance = random.Random(seed)
        self._moves: set[tuple[str, str]] = set()
        """Of the branch, by this person's git: where it stood, and where it stood then."""
        self.done: list[str] = []

    def left(self) -> set[str]:
        """The objects that the branch lost when this person's git moved it elsewhere."""
        return set[str]().union(*(objects_of(self._folder, old, f"^{new}") for old, new in self._moves))

    def act(self) -> None:
        """One command, whatever comes of it."""
        words, weights = zip(*_HABITS, strict=True)
        self._git(*self._chance.choices(words, weights)[0].split())

    def come_back(self) -> None:
        """Whatever is half done is given up; the folder is on `main` again, with what is committed there.

        A git that crashed (SIGBUS, where a file is cut that git reads) leaves its lock, which instep takes
        away, and instep has the lock itself now and then: until it is gone git refuses.
        """
        eventually(lambda: not (self._folder / ".git/index.lock").exists(), "the lock is gone")
        for what in ("rebase", "merge", "cherry-pick", "revert"):
            self._git(what, "--abort")
            self._git(what, "--quit")  # where files that are in the way keep it from being undone
        eventually(lambda: self._git("checkout", "-q", "-f", "main") == 0, "back on main")
        eventually(lambda: self._git("reset", "-q", "--hard") == 0, "what was only staged is given up too")

    def _git(self, *words: str) -> int:
        done = subprocess.run(
            ["git", *PERSON, *words],
            cwd=self._folder,
            env=os.environ | _EDITORS,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        self._note_moves()
        self.done.append(
            f"{' '.join(words)}: {done.returncode} {done.stderr[-200:].decode(errors='replace')}"
        )
        return done.returncode

    def _note_moves(self) -> None:
        for line in (self._folder / ".git/logs/refs/heads/main").read_text(errors="replace").splitlines():
            moved, _, why = line.partition("\t")
            old, new, *_ = moved.split()
            if not why.startswith("instep: ") and old.strip("0"):
                self._moves.add((old, new))
