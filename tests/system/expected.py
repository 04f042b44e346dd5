"""What every folder must hold after a quiet moment, given what users did in each since the last one.

All stood at one tree then. Of a path that nobody touched, and of one that users of a single folder touched,
it is known what must become of it, whatever else happened and whoever was away: that nobody's deletion is
undone (I17), no edit is lost or doubled (I1, I5), no move loses a child (I18). Places hang together where one
lies in the other, or a user moved one to the other; what hangs together and was touched in two folders is
contested, and of that the model says nothing here (that no content is lost, the ledgers say). Nor of what has
the same content: it may be taken for the new name of what is contested, as git takes it.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .ledger import Ledger, is_at
from .worktree import brief

Entry = tuple[str, bytes]
"""As `worktree.tree` gives it."""
Tree = dict[bytes, Entry]


class Account(Ledger):
    """A ledger that also knows what its folder would hold if there were no other, and what was touched."""

    def __init__(self) -> None:
        super().__init__()
        self.tree: Tree = {}
        self.touched: list[tuple[bytes, ...]] = []
        """Places that one action touched together."""
        self.had: list[tuple[bytes, Entry]] = []
        """What stood at a path for a while, or stands there."""
        self.unknown: set[bytes] = set()
        """Places of which the model can't say what the user made of them."""

    def begin(self, tree: Tree) -> None:
        """A quiet moment: all folders hold this."""
        self.tree, self.touched, self.had, self.unknown = dict(tree), [], list(tree.items()), set()

    def wrote(self, path: bytes, content: bytes, *, executable: bool = False) -> None:
        super().wrote(path, content, executable=executable)
        self._has(path, ("exec" if executable else "file", content))
        self.touched.append((path,))

    def _has(self, path: bytes, entry: Entry) -> None:
        self.tree[path] = entry
        self.had.append((path, entry))

    def removed(self, path: bytes) -> None:
        super().removed(path)
        self.tree.pop(path, None)
        self.touched.append((path,))

    def renamed(self, source: bytes, target: bytes) -> None:
        super().renamed(source, target)
        self.tree.pop(target, None)
        for path in [path for path in self.tree if is_at(path, source)]:
            self._has(target + path[len(source) :], self.tree.pop(path))
        self.touched.append((source, target))

    def chmodded(self, path: bytes, executable: bool) -> None:
        if path in self.tree:
            self.tree[path] = ("exec" if executable else "file", self.tree[path][1])
        self.touched.append((path,))

    def linked(self, path: bytes, target: bytes) -> None:
        self._has(path, ("link", target))
        self.touched.append((path,))

    def passed(self, path: bytes) -> None:
        self.touched.append((path,))

    def unsure(self, path: bytes) -> None:
        super().unsure(path)
        self.contested(path)

    def contested(self, path: bytes) -> None:
        """What stands there may be taken for the work of several; none of it may be lost."""
        self.touched.append((path,))
        self.unknown.add(path)


class _Group(NamedTuple):
    """Places that hang together."""

    places: set[bytes]
    owners: set[int]

    def covers(self, path: bytes) -> bool:
        return any(is_at(path, place) or is_at(place, path) for place in self.places)


class Expected:
    """Judges a tree that all folders came to, against the one they stood at and everybody's account."""

    def __init__(self, base: Tree, accounts: Sequence[Account]) -> None:
        self._base = base
        self._accounts = accounts
        unknown = {place for account in accounts for place in account.unknown}
        groups = _groups(accounts)
        self._sure = [g for g in groups if len(g.owners) == 1 and not g.places & unknown]
        self._contested = [g for g in groups if g not in self._sure]

    def faults(self, found: Tree) -> list[str]:
        """One line for each path that is not what it must be."""
        return list(self._faults(found))

    def _faults(self, found: Tree) -> Iterator[str]:
        trees = [self._base, *(account.tree for account in self._accounts)]
        had = [item for account in self._accounts for item in account.had]
        disputed = [entry for path, entry in had if self._is_contested(path)]
        moved = {content for _, content in disputed}
        for path in sorted(set(found).union(*trees)):
            if self._is_contested(path):
                continue
            if b".variant-" in path and self._contested:
                continue
            owner = next((min(group.owners) for group in self._sure if group.covers(path)), None)
            due = (self._base if owner is None else self._accounts[owner].tree).get(path)
            if due is not None and due[1] in moved:
                continue
            if found.get(path) != due:
                who = "nobody" if owner is None else f"only number {owner}"
                yield f"{path!r}: {brief(found.get(path))}, not {brief(due)}; {who} touched it"

    def _is_contested(self, path: bytes) -> bool:
        return any(group.covers(path) for group in self._contested)


def _groups(accounts: Sequence[Account]) -> list[_Group]:
    groups: list[_Group] = []
    for number, account in enumerate(accounts):
        for places in account.touched:
            new = _Group(set(places), {number})
            apart: list[_Group] = []
            for group in groups:
                if any(group.covers(place) for place in places):
                    new.places.update(group.places)
                    new.owners.update(group.owners)
                else:
                    apart.append(group)
            groups = [*apart, new]
    return groups
