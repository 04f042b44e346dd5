"""Three trees into one: what both sides did since their base, with nothing lost and the same on every node.

Rules. What one side alone did, is done, however long the other was away (I17). Two versions of one path are
settled by core/versions.py. Edit beats delete (I5); an edit of what the other side renamed goes to the new
name, if one name only can be meant. A file gives way to a directory. What can't keep its path becomes a
variant (core/variant.py), at a free name.

Symmetric and deterministic (I14): the sides are put in order of their ids before anything else happens, and
paths in theirs before names are given out. Settled conflicts stay so: merging the result with one of its
sides once more gives the result, because a side that lacks a path but holds its other version under another
new name is known to have dealt with it. Where the base is a merge itself, the versions of a path that this
set aside are what the sides began with (`disputed`): a side that has none of one any more has removed it.

Only directories that differ between the two sides are read; the base only where they do, or (looking for
renames) where a side differs from it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from itertools import chain, islice
from typing import NamedTuple

from instep.core.renames import Renames
from instep.core.sides import Row, Sides
from instep.core.tree import edit, parents, parse_tree
from instep.core.types import (
    MODE_TREE,
    Entry,
    Object,
    ObjectFormat,
    Oid,
    RelPath,
    Tree,
    TreeReader,
)
from instep.core.variant import MARK, variants
from instep.core.versions import KeyOf, Kind, MergeText, body, settle


class Conflict(NamedTuple):
    """A path that both sides changed, and where versions that could not keep it went; for a person to see."""

    path: RelPath
    kind: Kind
    variants: tuple[RelPath, ...]


Disputed = Mapping[RelPath, Collection[Entry]]
"""By path, versions of it that a merge set aside."""


class Merged(NamedTuple):
    """The merged tree, the tree objects that are new, children first, and the conflicts in order of path."""

    root: Oid
    objects: dict[Oid, Object]
    conflicts: tuple[Conflict, ...]
    disputed: Disputed


def merge_trees(  # noqa: PLR0917
    base: Oid | None,
    ours: Oid | None,
    theirs: Oid | None,
    read: TreeReader,
    key_of: KeyOf,
    merge_text: MergeText,
    fmt: ObjectFormat,
    disputed: Disputed | None = None,
) -> Merged:
    """Merges two trees; `base` None: they never met. `merge_text` is symmetric and stores what it makes.
    `disputed`: versions that the commits behind the base had at a path, and that their merge set aside."""
    one, two = sorted((ours or fmt.empty_tree, theirs or fmt.empty_tree))
    if one in (two, base):
        return Merged(two, {}, (), {})
    if two == base:
        return Merged(one, {}, (), {})
    sides = Sides(base, one, two, read)
    merging = _Merging(sides, key_of, merge_text, fmt, disputed or {})
    merging.decide()
    merging.clear_directories()
    conflicts = merging.name_variants()
    root, objects = _build(sides, merging.result, fmt)
    return Merged(root, objects, conflicts, merging.aside)


def overlay(read: TreeReader, objects: dict[Oid, Object], fmt: ObjectFormat) -> TreeReader:
    """A reader that finds these trees too, before they are written anywhere."""

    def read_either(oid: Oid) -> Tree:
        new = objects.get(oid)
        return read(oid) if new is None else parse_tree(new.data, fmt.oid_bytes)

    return read_either


class _Merging:
    """One merge on its way: what each differing path becomes, and what waits for the name of a variant."""

    def __init__(
        self, sides: Sides, key_of: KeyOf, merge_text: MergeText, fmt: ObjectFormat, disputed: Disputed
    ) -> None:
        self.result: dict[RelPath, Entry | None] = {}
        self.aside: dict[RelPath, set[Entry]] = defaultdict(set)
        self._sides = sides
        self._key_of = key_of
        self._merge_text = merge_text
        self._disputed = disputed
        self._renames = Renames(sides, fmt.hash(b"blob", b""))
        self._kinds: dict[RelPath, Kind] = {}
        self._directories: set[RelPath] = set()

    def decide(self) -> None:
        """What each path becomes as long as no other is looked at, renames apart."""
        self._forget_what_the_other_side_dealt_with()
        moved: dict[RelPath, Entry | None] = {}
        for path, (base, one, two) in self._sides.by_path.items():
            if path in self.result:
                continue
            if base in (one, two):
                self.result[path] = two if base == one else one
            elif one is not None and two is not None:
                self._settle(path, base, one, two)
            elif base is not None:
                side = 0 if one is None else 1
                self.result[path], target = self._edited_and_deleted(path, base, side)
                moved |= target
        self.result |= moved

    def _forget_what_the_other_side_dealt_with(self) -> None:
        """A side's new file that the other has as a variant of that name has been merged there before; one
        that the base disputes and the other has no more, has been removed there."""
        for side in (0, 1):
            for names in self._sides.added[side].values():
                for path in names:
                    version = self._sides.entry(path, side)
                    if self._has_variant(1 - side, path, version) or self._dropped(1 - side, path, version):
                        self.result[path] = None
        self._sides.forget(set(self.result))

    def _dropped(self, side: int, path: RelPath, version: Entry) -> bool:
        """Whether `side`, which has nothing at `path`, knew this version and has it no more. # I17"""
        if version not in self._disputed.get(path, ()):
            return False
        names = islice(self._variants(path, version), _TRIED)
        return all(self._sides.on(side, name) != version for name in names)

    def _has_variant(self, side: int, path: RelPath, version: Entry) -> bool:
        """Whether `side` has set this version of `path` aside before."""
        names = self._sides.added[side].get(body(version), ())
        known = {name for name in names if MARK in name and self._sides.entry(name, side) == version}
        return bool(known) and not known.isdisjoint(islice(self._variants(path, version), _TRIED))

    def _settle(self, path: RelPath, base: Entry | None, one: Entry, two: Entry) -> None:
        for side, (mine, other) in enumerate(((one, two), (two, one))):
            if self._has_variant(side, path, other):
                self.result[path] = mine
                return
        common = base or self._renames.common(one, two)
        entry, aside, kind = settle(common, one, two, self._key_of, self._merge_text)
        self.result[path] = entry
        if aside:
            self.aside[path].update(aside)
        if kind is not None:
            self._kinds[path] = kind

    def _edited_and_deleted(
        self, path: RelPath, base: Entry, side: int
    ) -> tuple[Entry | None, dict[RelPath, Entry | None]]:
        """What `path` becomes, which `side` deleted and the other edited; and its new name, if it has one."""
        edited = self._sides.entry(path, 1 - side)
        if self._renames.has_version(side, base, edited):
            return None, {}
        target = self._renames.new_name(side, base, edited)
        if target is not None:
            there = self._sides.entry(target, side)
            return None, {target: settle(base, there, edited, self._key_of, self._merge_text).entry}
        self._kinds[path] = "edited-deleted"
        return edited, {}  # I5

    def clear_directories(self) -> None:
        """A file whose name is a directory's too gives way to it."""
        paths = [path for path, entry in self.result.items() if entry is not None]
        for path in chain(paths, self.aside):
            for above in parents(path):
                if above in self._directories:
                    break
                self._directories.add(above)
        for path in paths:
            entry = self.result[path]
            if entry is not None and path in self._directories:
                self.aside[path].add(entry)
                self._kinds[path] = "file-directory"
                self.result[path] = None

    def name_variants(self) -> tuple[Conflict, ...]:
        """Gives all that was set aside a name, in an order that is the same on every node (I14)."""
        named: dict[RelPath, list[RelPath]] = defaultdict(list)
        for path in sorted(self.aside):
            for entry in sorted(self.aside[path]):
                name = self._free_name(path, entry)
                self.result[name] = entry
                named[path].append(name)
        return tuple(Conflict(path, self._kinds[path], tuple(named[path])) for path in sorted(self._kinds))

    def _variants(self, path: RelPath, entry: Entry) -> Iterator[RelPath]:
        return variants(path, self._key_of(entry) or entry.oid.hex().encode())

    def _free_name(self, path: RelPath, entry: Entry) -> RelPath:
        names = self._variants(path, entry)
        first = list(islice(names, _TRIED))
        for name in first:
            if self._at(name) == entry:
                return name
        return next(name for name in chain(first, names) if self._at(name) is None)

    def _at(self, path: RelPath) -> Entry | None:
        """What the merged tree has there so far; a directory too."""
        if path in self._directories:
            return _SOME_DIRECTORY
        if path in self.result:
            return self.result[path]
        mine, other = self._sides.on(0, path), self._sides.on(1, path)
        return mine if mine and other else None


_SOME_DIRECTORY = Entry(MODE_TREE, Oid(b""))
_TRIED = 4
"""How many of a variant's names are looked at to see whether it is there already."""


def _build(
    sides: Sides, result: dict[RelPath, Entry | None], fmt: ObjectFormat
) -> tuple[Oid, dict[Oid, Object]]:
    """The tree of the result, made from the side that is nearer to it."""
    nothing = Row(None, None, None)
    edits = [
        {path: entry for path, entry in result.items() if entry != sides.by_path.get(path, nothing)[1 + side]}
        for side in (0, 1)
    ]
    side = 0 if len(edits[0]) <= len(edits[1]) else 1
    return edit(sides.roots[side], edits[side], sides.read, fmt)
