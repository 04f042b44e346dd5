"""The order in which a work tree takes in a new tree, so that each step finds room for what it makes.

First what goes, then what moves, then what changes, then what comes. A name that gives way to a directory, or
a directory to a name, is out of the way before the step that needs it: moves are sorted so, and a move that
waits for itself, alone or in a ring with others, becomes a removal and a creation. Content is never lost by
that: every version that a step removes is in the repository, and every version that it makes is staged
beforehand (I6).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from instep.core.names import folded
from instep.core.tree import parents
from instep.core.types import MODE_GITLINK, Change, Entry, RelPath


@dataclass(frozen=True, slots=True)
class Remove:
    """Take away the file at `path` if it is still `old`."""

    path: RelPath
    old: Entry


@dataclass(frozen=True, slots=True)
class Move:
    """Rename `source`, if it is still `entry`, to `target`, where nothing is."""

    source: RelPath
    target: RelPath
    entry: Entry


@dataclass(frozen=True, slots=True)
class Prune:
    """Remove this directory if it is empty; it may well hold something else, and stays then."""

    directory: RelPath


@dataclass(frozen=True, slots=True)
class Replace:
    """Put `new` where `old` is."""

    path: RelPath
    old: Entry
    new: Entry


@dataclass(frozen=True, slots=True)
class Create:
    """Make the file `path`, where nothing is, and the directories on the way."""

    path: RelPath
    new: Entry


Step = Remove | Move | Prune | Replace | Create


@dataclass(frozen=True, slots=True)
class InstallPlan:
    """What to do to a work tree, in this order: removals, moves, replacements, creations.

    `steps()` gives all of it, with the directories to prune at the places where they become empty.
    """

    removals: tuple[Remove, ...]
    moves: tuple[Move, ...]
    replacements: tuple[Replace, ...]
    creations: tuple[Create, ...]

    def steps(self) -> Iterator[Step]:
        leaving = _Leaving(self)
        for step in self.removals:
            yield step
            yield from leaving.left(step.path)
        for step in self.moves:
            yield step
            yield from leaving.left(step.source)
        yield from self.replacements
        yield from self.creations


def plan_install(changes: Iterable[Change], *, folds: bool = False) -> InstallPlan:
    """The plan that takes a work tree from the old side of `changes` to the new side.

    A removal and a creation of one and the same entry are a move; where several could pair, by order of path.
    `folds`: the disk takes several names for one, so none is given to what is there before all others went.
    """
    removals: list[Remove] = []
    replacements: list[Replace] = []
    creations: list[Create] = []
    for path, old, new in sorted(changes, key=lambda change: change.path):
        if old and new:
            replacements.append(Replace(path, old, new))
        elif old:
            removals.append(Remove(path, old))
        elif new:
            creations.append(Create(path, new))
    if folds and _clash(step.path for step in (*removals, *creations)):
        moves: list[Move] = []
    else:
        moves, removals, creations = _pair(removals, creations)
    ordered, given_up = _in_order(moves)
    removals += [Remove(move.source, move.entry) for move in given_up]
    creations += [Create(move.target, move.entry) for move in given_up]
    removals.sort(key=lambda step: step.path, reverse=True)
    creations.sort(key=lambda step: step.path)
    return InstallPlan(tuple(removals), tuple(ordered), tuple(replacements), tuple(creations))


def _pair(removals: list[Remove], creations: list[Create]) -> tuple[list[Move], list[Remove], list[Create]]:
    """Exact renames, and what is left over. A gitlink is a directory of somebody else's and never moves."""
    sources: defaultdict[Entry, list[RelPath]] = defaultdict(list)
    for removal in reversed(removals):
        if removal.old.mode != MODE_GITLINK:
            sources[removal.old].append(removal.path)
    moves: list[Move] = []
    left: list[Create] = []
    for creation in creations:
        if waiting := sources.get(creation.new):
            moves.append(Move(waiting.pop(), creation.path, creation.new))
        else:
            left.append(creation)
    moved = {move.source for move in moves}
    return moves, [removal for removal in removals if removal.path not in moved], left


def _clash(paths: Iterable[RelPath]) -> bool:
    """Whether two of these names, or of the directories that they are in, may be the same on some disk."""
    names = {name for path in paths for name in (path, *parents(path))}
    return len({folded(name) for name in names}) < len(names)


def _in_order(moves: list[Move]) -> tuple[list[Move], list[Move]]:
    """The moves, each after those that make room for it; and those that have to be given up."""
    by_source = {move.source: move for move in moves}
    blockers = {move.target: _above(move.target, by_source) for move in moves}
    for source in by_source:
        for above in parents(source):
            if above in blockers:
                blockers[above].add(source)
    waiting: defaultdict[RelPath, list[Move]] = defaultdict(list)
    for move in moves:
        for source in blockers[move.target]:
            waiting[source].append(move)
    ordered: list[Move] = []
    given_up: list[Move] = []
    ready = [move for move in reversed(moves) if not blockers[move.target]]
    stuck = iter(moves)
    settled: set[RelPath] = set()
    while len(settled) < len(moves):
        if ready:
            ordered.append(move := ready.pop())
        else:
            given_up.append(move := next(move for move in stuck if move.source not in settled))
        settled.add(move.source)
        for other in waiting[move.source]:
            blockers[other.target].discard(move.source)
            if not blockers[other.target] and other.source not in settled:
                ready.append(other)
    return ordered, given_up


def _above(path: RelPath, sources: Iterable[RelPath]) -> set[RelPath]:
    return {above for above in parents(path) if above in sources}


class _Leaving:
    """Tells when the last file that leaves a directory has left it, if nothing new comes there."""

    def __init__(self, plan: InstallPlan) -> None:
        targets = [step.target for step in plan.moves]
        targets += [step.path for step in (*plan.replacements, *plan.creations)]
        kept = {above for path in targets for above in parents(path)}
        self._count: defaultdict[RelPath, int] = defaultdict(int)
        sources = [step.path for step in plan.removals] + [step.source for step in plan.moves]
        for path in sources:
            for above in parents(path):
                if above not in kept:
                    self._count[above] += 1

    def left(self, path: RelPath) -> Iterator[Prune]:
        for above in parents(path):
            if above in self._count:
                self._count[above] -= 1
                if not self._count[above]:
                    yield Prune(above)
