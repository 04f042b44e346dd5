"""Git trees as values: read, encode, look up, walk, compare and edit them.

Everything costs what it touches: `diff` never reads two equal subtrees, `edit` reads and writes only the
directories on the way to a change. Nothing recurses, so a tree of any depth works.

Format: git's `tree` object, `MODE SP NAME NUL OID` per entry, sorted as if a directory's name ended in `/`
(gitformat-pack and git's `tree.c`: base_name_compare).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import NamedTuple, cast

from instep.core.types import (
    MODE_EXEC,
    MODE_FILE,
    MODE_GITLINK,
    MODE_LINK,
    MODE_TREE,
    Change,
    Entry,
    Object,
    ObjectFormat,
    Oid,
    RelPath,
    Tree,
    TreeReader,
)


class MalformedTree(ValueError):
    """These bytes are not a git tree."""


class Edited(NamedTuple):
    """A tree after `edit`: its root, and the trees that are new, children before parents."""

    root: Oid
    objects: dict[Oid, Object]


ROOT = RelPath(b"")
"""The root's own path."""

_NO_ENTRIES: Tree = {}
_ENTRY_START = {mode: b"%o " % mode for mode in (MODE_FILE, MODE_EXEC, MODE_LINK, MODE_TREE, MODE_GITLINK)}

# Entry's own constructor is half of the time that parsing takes.
_new_tuple = cast(Callable[[type[Entry], tuple[int, bytes]], Entry], tuple.__new__)  # pyright: ignore[reportUnknownMemberType]
_make_entry = partial(_new_tuple, Entry)


@cache
def _entry_pattern(oid_bytes: int) -> re.Pattern[bytes]:
    return re.compile(rb"([0-7]{5,6}) ([^\0/]+)\0(.{%d})" % oid_bytes, re.DOTALL)


@cache
def _mode(text: bytes) -> int:
    """A mode as git reads it: files are 100644 or 100755, whatever an old writer put there."""
    mode = int(text, 8)
    match mode & 0o170000:
        case 0o100000:
            return MODE_EXEC if mode & 0o100 else MODE_FILE
        case 0o120000:
            return MODE_LINK
        case 0o040000:
            return MODE_TREE
        case 0o160000:
            return MODE_GITLINK
        case _:
            raise MalformedTree(f"mode {text.decode()} is none that git knows")


def parse_tree(data: bytes, oid_bytes: int) -> dict[bytes, Entry]:
    """The entries of a tree object, in its own order. Raises MalformedTree."""
    found: list[tuple[bytes, bytes, bytes]] = _entry_pattern(oid_bytes).findall(data)
    tree = {name: _make_entry((_mode(mode), oid)) for mode, name, oid in found}
    framing = len(found) * (2 + oid_bytes)
    if sum(len(mode) + len(name) for mode, name, _ in found) + framing != len(data):
        raise MalformedTree("the entries do not fill the object")
    if len(tree) != len(found):
        raise MalformedTree("one name occurs twice")
    return tree


def encode_tree(tree: Tree) -> bytes:
    """The tree object of these entries, whatever order they come in."""
    keys = [name + b"/" if entry[0] == MODE_TREE else name for name, entry in tree.items()]
    entries = tree.items()
    if keys != (ordered := sorted(keys)):
        names = [key.removesuffix(b"/") for key in ordered]
        entries = [(name, tree[name]) for name in names]
    pieces: list[bytes] = []
    start = _ENTRY_START
    for name, (mode, oid) in entries:
        pieces += (start[mode], name, b"\0", oid)
    return b"".join(pieces)


def lookup(root: Oid | None, path: RelPath, read: TreeReader) -> Entry | None:
    """What the tree holds at `path`, a directory too; None if nothing. The root itself has `b""`."""
    if root is None:
        return None
    entry: Entry | None = Entry(MODE_TREE, root)
    for name in path.split(b"/") if path else ():
        if entry is None or entry.mode != MODE_TREE:
            return None
        entry = read(entry.oid).get(name)
    return entry


def lookup_file(root: Oid | None, path: RelPath, read: TreeReader) -> Entry | None:
    """As `lookup`, but a directory is nothing: what a file of the work tree can be brought to."""
    entry = lookup(root, path, read)
    return None if entry is not None and entry.is_tree else entry


def walk(root: Oid | None, read: TreeReader, under: RelPath = ROOT) -> Iterator[tuple[RelPath, Entry]]:
    """All files at or below `under` (links and gitlinks too), in the order of git's index."""
    start = lookup(root, under, read)
    stack = [] if start is None else [(under, start)]
    while stack:
        path, entry = stack.pop()
        if entry.mode != MODE_TREE:
            yield path, entry
            continue
        prefix = path + b"/" if path else b""
        below = [(RelPath(prefix + name), child) for name, child in read(entry.oid).items()]
        stack += reversed(below)


def parents(path: RelPath) -> Iterator[RelPath]:
    """The directories that a path lies in, the nearest first, without the root."""
    while path := RelPath(path.rpartition(b"/")[0]):
        yield path


class _Pair(NamedTuple):
    """Two things of one name, and where they stand in git's order; never a file with a directory."""

    order: bytes
    path: bytes
    old: Entry | None
    new: Entry | None


def _differences(prefix: bytes, old: Tree, new: Tree) -> list[_Pair]:
    """What differs between two directories, last first (to go on a stack)."""
    pairs: list[_Pair] = []
    names = [name for name, entry in new.items() if old.get(name) != entry]
    names += [name for name in old if name not in new]
    for name in names:
        before, after = old.get(name), new.get(name)
        path = prefix + name
        for is_tree, order in ((False, name), (True, name + b"/")):
            here = before if before and (before.mode == MODE_TREE) is is_tree else None
            there = after if after and (after.mode == MODE_TREE) is is_tree else None
            if here or there:
                pairs.append(_Pair(order, path, here, there))
    pairs.sort(reverse=True)
    return pairs


def diff(old: Oid | None, new: Oid | None, read: TreeReader) -> Iterator[Change]:
    """The files that differ, in index order; a file that became a directory is a removal and additions."""
    if old == new:
        return
    stack = _differences(
        b"", _NO_ENTRIES if old is None else read(old), _NO_ENTRIES if new is None else read(new)
    )
    while stack:
        _, path, before, after = stack.pop()
        if (here := before or after) is None or here.mode != MODE_TREE:
            yield Change(RelPath(path), before, after)
            continue
        stack += _differences(
            path + b"/",
            read(before.oid) if before else _NO_ENTRIES,
            read(after.oid) if after else _NO_ENTRIES,
        )


class _Directory:
    """A directory being edited; `changed` once it differs from the tree `oid` (None: there was none)."""

    __slots__ = ("changed", "entries", "oid")

    def __init__(self, entries: dict[bytes, Entry], oid: Oid | None) -> None:
        self.entries = entries
        self.oid = oid
        self.changed = False

    def set(self, name: bytes, entry: Entry) -> None:
        if self.entries.get(name) != entry:
            self.entries[name] = entry
            self.changed = True

    def remove(self, name: bytes) -> None:
        if self.entries.pop(name, None) is not None:
            self.changed = True


_Wanted = dict[bytes, dict[bytes, Entry | None]]
_Opened = dict[bytes, _Directory]


def _by_directory(changes: Mapping[RelPath, Entry | None]) -> tuple[_Wanted, set[bytes]]:
    """The changes by directory (with every directory on the way), and which directories gain entries."""
    wanted: _Wanted = {b"": {}}
    filled: set[bytes] = set()
    for path, entry in changes.items():
        parent, _, name = path.rpartition(b"/")
        if not name or (path[0] == 0x2F):
            raise ValueError(f"not a path below the root: {path!r}")
        if (group := wanted.get(parent)) is None:
            wanted[parent] = group = {}
            above = parent
            while (above := above.rpartition(b"/")[0]) not in wanted:
                wanted[above] = {}
        group[name] = entry
        if entry is not None:
            while parent not in filled:
                filled.add(parent)
                parent = parent.rpartition(b"/")[0]
    return wanted, filled


def _open_directories(root: Oid | None, wanted: _Wanted, filled: set[bytes], read: TreeReader) -> _Opened:
    """The old entries of each wanted directory with its own changes applied, parents before children."""
    opened: _Opened = {}
    for path in sorted(wanted):
        parent, _, name = path.rpartition(b"/")
        if path and not name:
            raise ValueError(f"not a path below the root: {path!r}")
        oid = root
        if path:
            entry = opened[parent].entries.get(name)
            oid = entry.oid if entry and entry.mode == MODE_TREE else None
        entries = {} if oid is None else dict(read(oid))
        opened[path] = directory = _Directory(entries, oid)
        prefix = path + b"/" if path else b""
        for child, entry in wanted[path].items():
            if entry is None:
                directory.remove(child)
            elif entry.mode == MODE_TREE or prefix + child not in filled:
                directory.set(child, entry)
    return opened


def edit(
    root: Oid | None, changes: Mapping[RelPath, Entry | None], read: TreeReader, fmt: ObjectFormat
) -> Edited:
    """The tree with some paths set or removed; costs only the directories on the way.

    None removes, a directory whole. An entry replaces a file or directory of its name, except that a file
    gives way to entries that `changes` sets below it. Changes of a parent are applied before those below it:
    with `d: None` and `d/x: entry`, `d` holds only `x` afterwards. Directories that become empty vanish; if
    all does, the root is the empty tree. `root` None is the empty tree.
    """
    wanted, filled = _by_directory(changes)
    opened = _open_directories(root, wanted, filled, read)
    objects: dict[Oid, Object] = {}
    new_root = fmt.empty_tree if root is None else root
    for path, directory in reversed(opened.items()):
        if not directory.changed and (path or root is not None):
            continue
        data = encode_tree(directory.entries)
        oid = fmt.hash(b"tree", data)
        if oid != directory.oid and (data or not path):
            objects[oid] = Object(b"tree", data)
        if not path:
            new_root = oid
            continue
        parent, _, name = path.rpartition(b"/")
        if data:
            opened[parent].set(name, Entry(MODE_TREE, oid))
        elif directory.oid is not None:
            opened[parent].remove(name)
    return Edited(new_root, objects)
