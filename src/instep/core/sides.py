"""Where two descendants of one tree differ, and what their base had there: what a merge looks at.

Side 0 is the one whose root comes first by id, side 1 the other. What is asked of the base beyond the
differing paths is computed when it is first asked: only conflicts need it.
"""

from collections import defaultdict
from functools import cached_property
from typing import NamedTuple

from instep.core.tree import diff, lookup
from instep.core.types import Change, Entry, Oid, RelPath, Tree, TreeReader
from instep.core.versions import Body, body

Paths = defaultdict[Body, list[RelPath]]


class Row(NamedTuple):
    """What base and both sides have at one path, where the sides differ. Directories count as nothing."""

    base: Entry | None
    one: Entry | None
    two: Entry | None


class Sides:
    """The differing paths of two sides, and questions about the trees behind them."""

    def __init__(self, base: Oid | None, one: Oid, two: Oid, read: TreeReader) -> None:
        self.roots = (one, two)
        self.read = read
        self._base = base
        at_base = _Files(base, read)
        self.by_path = {
            path: Row(at_base.get(path), mine, other) for path, mine, other in diff(one, two, read)
        }
        self.added: tuple[Paths, Paths] = (defaultdict(list), defaultdict(list))
        """For each side, by content: paths that neither the base nor the other side has."""
        for path, (before, mine, other) in self.by_path.items():
            if before is None and (mine is None or other is None):
                side, entry = (0, mine) if mine else (1, other)
                self.added[side][body(_there(entry))].append(path)

    def entry(self, path: RelPath, side: int) -> Entry:
        """What a side has at one of the differing paths, if it is known to have something."""
        return _there(self.by_path[path][1 + side])

    def on(self, side: int, path: RelPath) -> Entry | None:
        """What a side has at any path, a directory too."""
        return lookup(self.roots[side], path, self.read)

    def forget(self, paths: set[RelPath]) -> None:
        """Takes these out of what was added."""
        for added in self.added:
            for content, names in added.items():
                added[content] = [name for name in names if name not in paths]

    @cached_property
    def new(self) -> tuple[set[Body], set[Body]]:
        """For each side: what it has at differing paths where the base has something else or nothing."""
        new: tuple[set[Body], set[Body]] = (set(), set())
        for base, *sides in self.by_path.values():
            for side, mine in enumerate(sides):
                if mine is not None and (base is None or body(base) != body(mine)):
                    new[side].add(body(mine))
        return new

    @cached_property
    def _changes(self) -> tuple[list[Change], list[Change]]:
        """For each side: all that it changed of the base's files, new ones apart."""
        one, two = (
            []
            if self._base is None
            else [change for change in diff(self._base, root, self.read) if change.old]
            for root in self.roots
        )
        return one, two

    @cached_property
    def gone(self) -> tuple[Paths, Paths]:
        """For each side, by content: the base's paths where that side has no file any more."""
        found: tuple[Paths, Paths] = (defaultdict(list), defaultdict(list))
        for gone, changes in zip(found, self._changes, strict=True):
            for path, old, new in changes:
                if new is None:
                    gone[body(_there(old))].append(path)
        return found

    def gone_on_both(self, content: Body) -> list[Entry]:
        """The base's files with this content at whose paths neither side has a file any more."""
        paths = sorted({*self.gone[0].get(content, ())} & {*self.gone[1].get(content, ())})
        return [_there(lookup(self._base, path, self.read)) for path in paths]

    @cached_property
    def unsettled(self) -> set[Body]:
        """What the base has at paths where a side has something else or nothing.

        Where such content turns up, it may have been moved there.
        """
        return {body(_there(change.old)) for changes in self._changes for change in changes}


class _Files:
    """The files of a tree by path, with each directory on the way read once."""

    def __init__(self, root: Oid | None, read: TreeReader) -> None:
        self._root = root
        self._read = read
        self._known: dict[bytes, Tree] = {}

    def get(self, path: RelPath) -> Entry | None:
        parent, _, name = path.rpartition(b"/")
        tree = self._known.get(parent)
        if tree is None:
            found = lookup(self._root, RelPath(parent), self._read)
            tree = self._known[parent] = self._read(found.oid) if found and found.is_tree else {}
        entry = tree.get(name)
        return None if entry is None or entry.is_tree else entry


def _there(entry: Entry | None) -> Entry:
    assert entry is not None, "asked only where there is a file"
    return entry
