"""Changes below directories that the kernel tells nothing of: pictures of them, compared with what is there.

The portable way to watch, and the only one past the kernel's limits and for what other computers do on a
network file system. One `lstat` a file and about 200 bytes of memory. What can't be listed keeps its place in
the picture: hidden is not gone (I2). A file that changed so short a time ago that its times would not tell of
another change (`fs.grain`) counts as changed once more at the next look.
"""

import os
import stat
import time
from collections.abc import Collection
from dataclasses import dataclass, field

from instep.core.types import RelPath
from instep.fs.grain import Grain
from instep.fs.identity import Identity
from instep.fs.scan import Skip, scan

Picture = dict[RelPath, int]
"""Path to a hash of the file's identity: two versions of a file look the same once in 2**61 times."""

_REPOSITORY = -1
"""In place of the hash, which is never -1: what happens in a repository of its own is not looked at. # I23"""
_IN_DOUBT = -2
"""In place of the hash of a file that may change unseen."""


@dataclass
class Seen:
    """What a look came to."""

    dirty: set[RelPath] = field(default_factory=set[RelPath])
    """Come, changed or gone since the look before."""
    scan: set[RelPath] = field(default_factory=set[RelPath])
    """Directories that were never looked at before, or can be listed again, or have become repositories of
    their own or ceased to."""


class Pictures:
    """One picture for each subtree that is to be looked at. One thread at a time."""

    def __init__(self, root: bytes, skip: Skip, grain: Grain) -> None:
        self._root = root
        self._skip = skip
        self._grain = grain
        self._pictures: dict[RelPath, Picture] = {}
        self.nested: set[RelPath] = set()
        """Repositories of their own that the last look met."""
        self.special: set[RelPath] = set()
        """Sockets, FIFOs and devices that it met."""
        self.hidden: set[RelPath] = set()
        """Directories that it could not list. Never half of them, whichever thread asks."""

    def look(self, tops: Collection[RelPath]) -> Seen:
        """What changed at or below these directories since they were last looked at; pictures of others are
        dropped. Raises OSError if the root can't be opened: that says nothing of what is in it."""
        seen = Seen()
        hidden: set[RelPath] = set()
        self.nested, self.special = set(), set()
        for gone in self._pictures.keys() - set(tops):
            del self._pictures[gone]
        for top in tops:
            hidden.update(self._look_at(top, seen))
        seen.scan |= self.hidden - hidden
        self.hidden = hidden
        return seen

    def _look_at(self, top: RelPath, seen: Seen) -> list[RelPath]:
        """The directories that could not be listed."""
        hidden: list[RelPath] = []
        since_ns = time.time_ns()
        found = scan(self._root, top, self._skip, lambda path, _: hidden.append(path))
        now: Picture = {}
        for path, st in found:
            now[path] = self._signature(st, since_ns)
            if not stat.S_ISREG(st.st_mode) and not stat.S_ISLNK(st.st_mode):
                (self.nested if stat.S_ISDIR(st.st_mode) else self.special).add(path)
        before = self._pictures.get(top)
        self._pictures[top] = now
        if before is None:
            seen.scan.add(top)
            return hidden
        for path, signature in now.items():
            if signature == _IN_DOUBT or before.get(path) != signature:
                seen.dirty.add(path)
        missed = before.keys() - now.keys()
        if hidden and missed:
            inside = tuple(path + b"/" if path else b"" for path in hidden)
            kept = {path for path in missed if path.startswith(inside)}
            now.update((path, before[path]) for path in kept)
            missed -= kept
        seen.dirty |= missed
        seen.scan.update(path for path in seen.dirty if _REPOSITORY in (before.get(path), now.get(path)))
        return hidden

    def _signature(self, st: os.stat_result, since_ns: int) -> int:
        if stat.S_ISDIR(st.st_mode):
            return _REPOSITORY
        identity = Identity.of(st)
        return _IN_DOUBT if self._grain.hides(identity, since_ns) else hash(identity)
