"""Folders, the people who work in them, and everything that can happen to their processes and between them.

A quiet moment (`gather`) brings all back that were away, waits until all are at one, and then judges what has
become of every file (`expected`), of every content (`ledger`) and of every merge.
"""

import json
import os
import shutil
import signal
import subprocess
from collections import defaultdict
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.conftest import run_git

from .chance import SOAK
from .expected import Account, Expected
from .hands import Hands
from .harness import Cluster, eventually
from .hosts import GRAPHS, Hosts
from .ledger import lost
from .network import Network
from .silence import assert_silence, assert_sound, eventually_clean
from .worktree import tree


class Shape(NamedTuple):
    """How many folders there are, and which are linked; the first may live on a small disk."""

    folders: int
    links: tuple[tuple[int, int], ...]
    disk: str = ""
    """Its size, as mount takes it."""
    largest_bytes: int = 1 << 30
    """Of one file, so that all find room as long as nobody fills the disk."""
    has_network: bool = False
    """Whether each folder is on a computer of its own, on a network that can fall apart."""


PAIR = Shape(2, ((0, 1),))
SHAPES = {
    "pair": PAIR,
    "chain": Shape(3, ((0, 1), (1, 2))),
    "full": Shape(3, ((0, 1), (1, 2), (0, 2))),
    "star": Shape(4, ((0, 1), (0, 2), (0, 3))),
    "small disk": PAIR._replace(disk="64m", largest_bytes=150_000),
    "network": Shape(*GRAPHS["ring of three" if SOAK else "chain of three"], has_network=True),
}


class World:
    """Numbers name folders, links too. What can't be done now (kill what is down) is nothing."""

    def __init__(self, top: Path, shape: Shape) -> None:
        names = [top / f"{number}" / f"f{number}" for number in range(shape.folders)]
        self._top = top
        self._disk = names[0].parent if shape.disk else None
        self._disk_size = shape.disk
        self._network = Network(shape.folders) if shape.has_network else None
        if self._network is None:
            self.cluster = Cluster(names, shape.links)
        else:
            self.cluster = Hosts(top, self._network, shape.links)
            names = self.cluster.folders
        self._running = ExitStack()
        self.accounts = [Account() for _ in names]
        self.hands = [Hands(*each, f"{n}") for n, each in enumerate(zip(names, self.accounts, strict=True))]
        self._base = dict(self.accounts[0].tree)
        self._down: set[int] = set()
        self._frozen: dict[int, int] = {}
        self._paused: set[int] = set()
        self._has_staged: set[int] = set()

    def open(self) -> None:
        """Makes the folders and starts everything."""
        for folder in self.cluster.folders:
            folder.parent.mkdir(parents=True, exist_ok=True)
        if self._network is not None:
            self._running.enter_context(self._network)
        self._running.enter_context(self.cluster)
        if self._disk:
            mount = ["mount", "-t", "tmpfs", "-o", f"size={self._disk_size}", "instep-test", self._disk]
            subprocess.run(mount, check=True)
        self.cluster.up()
        if self._disk:
            run_git(self.folder(0), "config", "annex.diskreserve", "1mb")

    def close(self, *, keep: bool = False) -> None:
        """Ends all processes and removes everything, but for the folders if they are to be kept."""
        self.thaw()
        self._running.close()
        if self._disk and os.path.ismount(self._disk):
            subprocess.run(["umount", "--lazy", self._disk], check=True)
        if not keep:
            subprocess.run(["chmod", "-R", "u+w", self._top], check=True)  # the annex's directories are not
            shutil.rmtree(self._top)

    def folder(self, number: int) -> Path:
        return self.cluster.folders[number]

    def _answers(self, number: int) -> bool:
        return number not in self._down and number not in self._frozen

    # what happens to processes

    def kill(self, number: int) -> None:
        """SIGKILL, whatever it is doing."""
        if number not in self._down:
            pid = self._frozen.pop(number, None) or self.cluster.daemon(self.folder(number))
            self.cluster.signal_one(pid, signal.SIGKILL)
            self._down.add(number)

    def stop(self, number: int) -> None:
        """Cleanly."""
        if self._answers(number):
            self.cluster.instep("down", self.folder(number))
            self._down.add(number)

    def start(self, number: int) -> None:
        if number in self._down:
            self.cluster.instep("up", self.folder(number))
            self._down.discard(number)

    def freeze(self, number: int) -> None:
        """It is there and does not answer, as over a network that swallows everything."""
        if self._answers(number):
            self._frozen[number] = self.cluster.daemon(self.folder(number))
            self.cluster.signal_one(self._frozen[number], signal.SIGSTOP)

    def thaw(self) -> None:
        """All that are frozen."""
        for pid in self._frozen.values():
            self.cluster.signal_one(pid, signal.SIGCONT)
        self._frozen.clear()

    def pause(self, link: int) -> None:
        """The two leave each other alone, until they are told to go on."""
        one = self.cluster.links[link][0]
        if link not in self._paused and self._answers(one):
            self._remote("pause", link)
            self._paused.add(link)

    def resume(self, link: int) -> None:
        one = self.cluster.links[link][0]
        if link in self._paused and self._answers(one):
            self._remote("resume", link)
            self._paused.discard(link)

    def _remote(self, verb: str, link: int) -> None:
        number, other = self.cluster.links[link]
        one, url = self.folder(number), os.fspath(self.cluster.address(other))
        remotes = json.loads(self.cluster.instep("remote", "list", "--json", cwd=one).out)
        name = next(remote["name"] for remote in remotes if remote["url"] == url)
        done = self.cluster.instep("remote", verb, name, cwd=one, check=False)
        if done.code and self._disk:
            assert "Free some space there" in done.err
            self.free()
            done = self.cluster.instep("remote", verb, name, cwd=one)
        assert done.code == 0, done.err

    def a_moment_later(self) -> None:
        """Nobody does anything until those that can be reached have heard of everything."""
        for number, folder in enumerate(self.cluster.folders):
            if self._answers(number):
                self.cluster.instep("wait", "--timeout", "1", folder, check=False)

    # what happens to the network

    def part(self, number: int) -> None:
        """It is alone, and nobody is told."""
        if self._network is not None:
            self._network.part({number})

    def unplug(self, number: int) -> None:
        """It is alone, and knows it."""
        if self._network is not None:
            self._network.unplug(number)

    def heal(self) -> None:
        """All reach all again, and hear of it."""
        if self._network is not None:
            self._network.heal()
            for number in self._network.hosts:
                self._network.unplug(number)
                self._network.plug(number)

    # what happens to the disk

    def fill(self) -> None:
        """Not a byte is free where the first folder is."""
        if self._disk:
            with open(self._disk / "ballast", "ab", buffering=0) as ballast:
                try:
                    while ballast.write(bytes(1 << 20)):
                        pass
                except OSError:
                    return

    def free(self) -> None:
        if self._disk:
            (self._disk / "ballast").unlink(missing_ok=True)

    # what a person does with git

    def commit(self, number: int) -> None:
        with self._may_take_back(number):
            self._git(number, "add", "--all")
            self._git(number, "commit", "--quiet", "--message", "by hand")

    def stash(self, number: int) -> None:
        """Put aside and taken out again. What could not be taken out stays in the stash."""
        self.accounts[number].unsure(b"")
        self._git(number, "stash", "--quiet")
        self._git(number, "stash", "pop", "--quiet")
        self._git(number, "reset", "--quiet")

    def checkout(self, number: int, path: bytes) -> None:
        """What was not committed at this path is thrown away."""
        self.accounts[number].unsure(path)
        self._git(number, "checkout", "--", path)

    def sync(self, number: int) -> None:
        """Stock git-annex does it all on its own in between. A merge that it could not finish, a person does:
        both sides of it are committed. It would wait for a lock that a frozen process holds."""
        self.thaw()
        with self._may_take_back(number):
            self._git(number, *self._sync)
        if (self.folder(number) / ".git/MERGE_HEAD").exists():
            self.commit(number)

    @property
    def _sync(self) -> Sequence[str]:
        """From outside of the network nobody can be reached."""
        alone = [] if self._network is None else ["--no-pull", "--no-push"]
        return ["annex", "sync", "--quiet", "--no-content", *alone]

    @contextmanager
    def _may_take_back(self, number: int) -> Generator[None]:
        """git commits what its index holds. That is written late, so what is newer looks as if the person had
        deleted it, and comes back when instep sees that it is there; and what it still holds may be put back,
        by a merge that git gives up for one. And a git that has read HEAD, and has no lock yet, may put back
        what another folder deleted meanwhile."""
        folder, account = self.folder(number), self.accounts[number]
        before = run_git(folder, "rev-parse", "HEAD", check=False).strip()
        held = self._index(number)
        yield
        for path in (held | self._index(number)) - account.tree.keys():
            account.contested(path)
        log = ["log", "--no-merges", "--author=Tester", "--no-renames", "--diff-filter=D"]
        form = ["--name-only", "--format=", "-z"]
        deleted = run_git(folder, *log, *form, b"%s..HEAD" % before, check=False).split(b"\0")
        for path in filter(None, deleted):
            if path in account.tree or path not in self._base:  # else the person did delete it
                account.contested(path)
        for other in self.accounts:
            for path in self._base.keys() - other.tree.keys():
                account.contested(path)

    def _index(self, number: int) -> set[bytes]:
        listing = run_git(self.folder(number), "ls-files", "-z", check=False)
        return set(filter(None, listing.split(b"\0")))

    def _git(self, number: int, *args: str | bytes) -> None:
        """git-annex, which git calls, tries again for minutes where no space is left: it is given some."""
        self.free()
        self._has_staged.add(number)
        run_git(self.folder(number), *args, check=False)

    # judging

    def gather(self) -> None:
        """A quiet moment: all come back, come to one head, and hold what they must."""
        for account in self.accounts:
            account.keep()
        self.thaw()
        self.free()
        self.heal()
        for number in sorted(self._down):
            self.start(number)
        for link in sorted(self._paused):
            self.resume(link)
        self._settle()
        found = tree(self.folder(0))
        assert Expected(self._base, self.accounts).faults(found) == []  # I1 I5 I17 I18
        assert lost(self.accounts, self.cluster.folders) == []  # I1
        assert unlike_merges(self.cluster.folders) == []  # I14
        self._base = found
        for account in self.accounts:
            account.begin(found)
            account.keep()

    def _settle(self) -> None:
        apart: list[str] = []

        def at_one() -> bool:
            self.cluster.wait()
            heads = {run_git(folder, "rev-parse", "HEAD", check=False) for folder in self.cluster.folders}
            apart[:] = self.cluster.differences() + [str(heads)] * (len(heads) > 1)
            return not apart

        try:
            eventually(at_one)
        except AssertionError:
            assert apart == []  # I13 I16
            raise

    def finish(self) -> None:
        """A last quiet moment, silence, and what the stock tools find."""
        self.gather()
        folders = self.cluster.folders
        assert_silence(*folders)
        assert not self.cluster.differences()
        for number in self._has_staged:  # who staged something has it staged still
            run_git(self.folder(number), "reset", "--quiet")
        eventually_clean(folders)
        self.cluster.down()
        for folder in folders:
            assert_sound(folder)
            assert os.listdir(folder / ".git/instep/displaced") == []
            assert not list((folder / ".git").rglob("*.lock"))
        before = tree(folders[-1])
        run_git(folders[-1], *self._sync)  # I30
        assert tree(folders[-1]) == before


def unlike_merges(folders: list[Path]) -> list[str]:
    """The pairs of heads that were merged by instep into more than one commit, anywhere."""
    made: dict[bytes, set[bytes]] = defaultdict(set)
    for folder in folders:
        lines = run_git(folder, "log", "--all", "--merges", "--format=%H %P|%an|%s").splitlines()
        for line in lines:
            ids, who, subject = line.split(b"|", 2)
            commit, *parents = ids.split()
            if (who, subject) == (b"instep", b"Merge"):
                made[b" ".join(sorted(parents))].add(commit)
    return [f"{heads!r}: {sorted(commits)!r}" for heads, commits in made.items() if len(commits) > 1]
