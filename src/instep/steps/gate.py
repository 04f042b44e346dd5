"""The gate for changes that are so large that a person is asked first. # I8

Deletions that may be most of the folder wait until no more come; then they pass, or the gate closes. While it
is closed every deletion is held, and all else flows. It opens when nothing is held any more: the files are
back, or a person has committed the deletions with git; or when most of what is held turns up under other
names, be it that the folder was a stop on their way. What is held is written down, so that a restart does
not let through in parts what was held as a whole. Files that are empty after the machine stopped without
warning are held in the same way, each by itself.
"""

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from types import MappingProxyType

from instep.core.gate import (
    FEW,
    FEW_EMPTIED,
    files_to_count,
    is_in_question,
    is_mass_deletion,
    is_mostly_moved,
)
from instep.core.tree import lookup, walk
from instep.core.types import MODE_LINK, Entry, Object, Oid, RelPath
from instep.fs.identity import Identity
from instep.git.repository import Repository
from instep.steps.sight import Sight

SETTLED_S = 0.3
"""A wave is over when no deletion came for so long."""
WAVE_S = 2.0
"""Deletions with less than this between them are of one wave."""


class Gate:
    """Holds paths back from the committer. Used by the folder's one writer only; `held`, `emptied` and
    `is_undecided` may be read anywhere."""

    def __init__(self, repo: Repository, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._objects = repo.objects
        self._deletions = HeldPaths(repo.private + b"/held-deletions")
        self._emptied = HeldPaths(repo.private + b"/held-emptied")
        self._waiting: set[RelPath] = set()
        self._judged: Oid | None = None
        """The tree at which the deletions that are held were last found to be too many."""
        self._passing: set[RelPath] = set()
        self._wave: dict[RelPath, Oid | bytes] = {}
        """The content of what went in this wave and, as far as was looked, is nowhere else."""
        self._last_s = -WAVE_S

    @property
    def held(self) -> Collection[RelPath]:
        """Deletions that a person is asked about; the gate is closed while there are any."""
        return self._deletions.paths

    @property
    def emptied(self) -> Collection[RelPath]:
        """Files that became empty when the machine stopped, which a person is asked about."""
        return self._emptied.paths

    def is_undecided(self, tree: Oid | None) -> bool:
        """Whether deletions wait for the end of their wave, or were held when the tree was another one."""
        return bool(self._waiting) or (bool(self._deletions.paths) and tree != self._judged)

    @property
    def due_s(self) -> float:
        """How long the wave has to be quiet yet."""
        return max(0.0, self._last_s + SETTLED_S - self._clock())

    def suspect(self, emptied: Collection[RelPath]) -> None:
        """These tracked files became empty when the machine stopped without warning."""
        if len(emptied) >= FEW_EMPTIED:
            self._emptied.add(emptied)

    def let_pass(self, paths: Iterable[RelPath]) -> None:
        """A peer has changed these: that they are deleted here can be committed, for the edit wins. # I5"""
        self._passing.update(paths)

    def sift(
        self,
        sights: dict[RelPath, Sight],
        looked: Iterable[RelPath],
        tree: Oid | None,
        new: Mapping[Oid, Object],
    ) -> None:
        """Take out of what was seen what may not be committed now. `looked`: all paths of which it is known
        what is there; `new`: the objects of what was seen, which the repository lacks yet."""
        gone = {path for path, sight in sights.items() if sight.entry is None}
        passing = gone & self._passing
        came = [sight.entry for sight in sights.values() if sight.entry is not None] if gone else ()
        coming = {self._content(entry, new) for entry in came}
        stopped = self._stop(gone - passing, coming, tree)
        emptied = {path for path in self._emptied.paths & sights.keys() if _is_empty(sights[path].identity)}
        for path in stopped | emptied:
            del sights[path]
        settled = {*looked, *sights}
        self._passing -= settled
        self._waiting -= settled - stopped
        self._deletions.remove(settled - stopped)
        self._emptied.remove(settled - emptied)

    def decide(self, tree: Oid | None) -> set[RelPath]:
        """The wave is over. Gives the paths that may be committed now; they are to be looked at again."""
        held = set(self._deletions.paths)
        asked, self._waiting = self._waiting | held, set()
        self._wave.clear()
        if not asked:
            return set()
        kept: set[Oid | bytes] = set()
        gone: list[Oid | bytes] = []
        files = 0
        for path, entry in walk(tree, self._objects.tree):
            files += 1
            if path in asked:
                gone.append(self._content(entry))
            else:
                kept.add(self._content(entry))
        lost = sum(content not in kept for content in gone)
        if not is_mostly_moved(lost, len(gone)) if held else is_mass_deletion(lost, files):
            self._deletions.add(asked)
            self._judged = tree
            return set()
        self._deletions.remove(asked)
        self._passing |= asked
        return asked

    def give_back(self) -> set[RelPath]:
        """Forget what waits: it is looked at anew."""
        waiting, self._waiting = self._waiting, set()
        return waiting

    def _stop(self, gone: set[RelPath], coming: set[Oid | bytes], tree: Oid | None) -> set[RelPath]:
        """Which of these deletions are held, or wait. What comes at once under another name does not go."""
        if not gone:
            return gone
        if self._deletions.paths:
            self._deletions.add(gone)
            return gone
        now_s = self._clock()
        if now_s - self._last_s > WAVE_S and not self._waiting:
            self._wave.clear()
        self._last_s = now_s
        entries = {path: lookup(tree, path, self._objects.tree) for path in gone}
        contents = {path: self._content(entry) for path, entry in entries.items() if entry is not None}
        lost = {path: content for path, content in contents.items() if content not in coming}
        self._wave |= lost
        if self._waiting or self._is_in_question(tree):
            stopped = lost.keys() & self._wave.keys()
            self._waiting |= stopped
            return stopped
        return set()

    def _is_in_question(self, tree: Oid | None) -> bool:
        """Whether the wave may turn out to be too large, when what was only moved is left out."""
        if not self._is_large(tree):
            return False
        files = walk(tree, self._objects.tree)
        kept = {self._content(entry) for path, entry in files if path not in self._wave}
        self._wave = {path: content for path, content in self._wave.items() if content not in kept}
        return self._is_large(tree)

    def _is_large(self, tree: Oid | None) -> bool:
        deletions = len(self._wave)
        if deletions < FEW:
            return False
        files = sum(1 for _ in islice(walk(tree, self._objects.tree), files_to_count(deletions)))
        return is_in_question(deletions, files)

    def _content(self, entry: Entry, new: Mapping[Oid, Object] = MappingProxyType({})) -> Oid | bytes:
        """What tells that a file was moved; a link into the annex reads differently at another depth."""
        if entry.mode == MODE_LINK:
            link = new.get(entry.oid)
            target = self._objects.small(entry.oid, 4096) if link is None else link.data
            return entry.oid if target is None else target.rpartition(b"/")[2]
        return entry.oid


class HeldPaths:
    """A set of paths that outlives the process. A file that can't be read is an empty set: then what was held
    is judged anew."""

    def __init__(self, file: bytes) -> None:
        self._file = file
        self.paths: set[RelPath] = set()
        try:
            with open(file, "rb") as saved:
                self.paths = {RelPath(path) for path in saved.read().split(b"\0") if path}
        except OSError:
            pass

    def add(self, paths: Collection[RelPath]) -> None:
        if not self.paths.issuperset(paths):
            self.paths |= set(paths)
            self._save()

    def remove(self, paths: set[RelPath]) -> None:
        if not self.paths.isdisjoint(paths):
            self.paths -= paths
            self._save()

    def _save(self) -> None:
        if not self.paths:
            os.unlink(self._file)
            return
        with open(self._file + b".new", "wb") as saved:
            saved.write(b"\0".join(sorted(self.paths)))
        os.replace(self._file + b".new", self._file)


def _is_empty(identity: Identity | None) -> bool:
    return identity is not None and identity.is_regular and identity.size == 0
