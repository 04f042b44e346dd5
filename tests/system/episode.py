"""Rounds of random activity on a pair, and everything that must hold when they are over."""

from tests.conftest import run_git

from .harness import Pair
from .ledger import Ledger, lost
from .silence import assert_silence, assert_sound, eventually_clean
from .worktree import differences


class Episode:
    """One pair and what must last of it. Who acts in a round is the subclasses' matter."""

    rounds: int

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.folders = (pair.a, pair.b)
        self.ledgers = {folder: Ledger() for folder in self.folders}

    def round(self) -> None:
        """Everybody acts for a while and comes to an end."""
        raise NotImplementedError

    def report(self) -> str:
        """Who did what."""
        raise NotImplementedError

    def given_up(self) -> set[str]:
        """Objects that users gave up in all folders, each for themselves: nobody has them to bring back."""
        return set()

    def play(self) -> None:
        """Rounds of activity, each ended by a quiet moment whose contents must last."""
        for _ in range(self.rounds):
            self.round()
            self.pair.settle()
            for folder, ledger in self.ledgers.items():
                ledger.keep_tree(folder)

    def run(self) -> None:
        """All of it, and then what must hold: I1 I5 I13 I14 I30."""
        try:
            self.play()
            print(self.report(), flush=True)
            assert lost(self.ledgers.values(), self.folders, self.given_up()) == []
            assert_silence(*self.folders)
            assert differences(*self.folders) == []
            assert len({run_git(folder, "rev-parse", "HEAD", "git-annex") for folder in self.folders}) == 1
            eventually_clean(self.folders)
            self.pair.down()
            for folder in self.folders:
                assert_sound(folder)
        except BaseException:
            print("--- differences:\n" + "\n".join(differences(*self.folders)))
            print("--- who did what:\n" + self.report())
            for title, text in self.pair.reports():
                print(f"--- {title}\n{text}")
            raise
