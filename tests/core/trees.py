"""Trees for tests: an object store in memory, files as plain dictionaries, and hypothesis strategies.

The names are few and nasty on purpose, so that two random trees often meet at one path: `a`, `a.b` and `a/…`
sort differently as file and as directory, and some names are no UTF-8.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha1

from hypothesis import strategies as st

from instep.core.tree import edit, parse_tree, walk
from instep.core.types import (
    MODE_EXEC,
    MODE_FILE,
    MODE_LINK,
    SHA1,
    Entry,
    Key,
    Object,
    Objects,
    Oid,
    RelPath,
    Tree,
)

Files = dict[RelPath, Entry]
"""A whole tree as its files."""

NAMES = (b"a", b"b", b"c", b"a.b", b"a-b", b"a\xff", b"A")


def oid(text: str | bytes) -> Oid:
    """A blob's id by its content."""
    return SHA1.hash(b"blob", text if isinstance(text, bytes) else text.encode())


def file(text: str | bytes, mode: int = MODE_FILE) -> Entry:
    return Entry(mode, oid(text))


def path(text: str | bytes) -> RelPath:
    return RelPath(text if isinstance(text, bytes) else text.encode())


def files(**texts: str) -> Files:
    """Files by name; `__` in a name is `/`: `files(d__x="1")` holds `d/x`."""
    return {path(name.replace("__", "/")): file(text) for name, text in texts.items()}


class Store:
    """Tree objects in memory; counts what is read."""

    def __init__(self) -> None:
        self.trees: dict[Oid, Tree] = {SHA1.empty_tree: {}}
        self.data: dict[Oid, bytes] = {SHA1.empty_tree: b""}
        self.reads: list[Oid] = []

    def read(self, oid: Oid) -> Tree:
        self.reads.append(oid)
        return self.trees[oid]

    def add(self, objects: Objects) -> None:
        for name, item in objects.items():
            assert item == Object(b"tree", item.data)
            assert SHA1.hash(*item) == name
            for entry in (parsed := parse_tree(item.data, 20)).values():
                assert not entry.is_tree or entry.oid in self.trees, "children come first"
            self.trees[name] = parsed
            self.data[name] = item.data

    def put(self, content: Mapping[RelPath, Entry]) -> Oid:
        """The root of a tree with these files."""
        root, objects = edit(None, content, self.read, SHA1)
        self.add(objects)
        return root

    def files(self, root: Oid | None) -> Files:
        return dict(walk(root, self.read))


def model_edit(before: Files, changes: Mapping[RelPath, Entry | None]) -> Files:
    """What `edit` must do, said slowly."""
    after = dict(before)
    filled = {above for name, entry in changes.items() if entry for above in parents(name)}
    for name in sorted(changes, key=lambda name: name.count(b"/")):
        entry = changes[name]
        if entry is not None and name in filled:
            continue
        for other in [other for other in after if other == name or other.startswith(name + b"/")]:
            del after[other]
        if entry is not None:
            for above in parents(name):
                after.pop(above, None)
            after[name] = entry
    return after


def parents(name: RelPath) -> list[RelPath]:
    parts = name.split(b"/")
    return [RelPath(b"/".join(parts[:count])) for count in range(1, len(parts))]


def without_clashes(content: Iterable[tuple[RelPath, Entry]]) -> Files:
    """The files of a list of which no one lies below another; the first come stay."""
    kept: Files = {}
    above: set[RelPath] = set()
    for name, entry in content:
        if name not in above and not any(parent in kept for parent in parents(name)):
            kept[name] = entry
            above.update(parents(name))
    return kept


def text_merge(base: Oid | None, one: Oid, two: Oid) -> Oid | None:
    """A line merge to test with: the blob of a number is a file, each bit a line; it never conflicts."""
    if base is None or base not in NUMBERS or one not in NUMBERS or two not in NUMBERS:
        return None
    origin, mine, other = NUMBERS[base], NUMBERS[one], NUMBERS[two]
    return oid(str(mine & other | (mine | other) & ~origin & 7))


def no_text_merge(base: Oid | None, one: Oid, two: Oid) -> Oid | None:
    """A line merge that always leaves a conflict."""
    return None


NUMBERS = {oid(str(number)): number for number in range(8)}
KEYS = [Key(b"SHA256E-s%d--%d.txt" % (number, number)) for number in range(3)]
POINTERS = {key: Entry(MODE_FILE, oid(b"pointer " + key)) for key in KEYS}
LINKS = {key: Entry(MODE_LINK, oid(b"link " + key)) for key in KEYS}
_KEY_OF = {entry: key for kind in (POINTERS, LINKS) for key, entry in kind.items()}


def key_of(entry: Entry) -> Key | None:
    return _KEY_OF.get(Entry(MODE_FILE, entry.oid) if entry.mode == MODE_EXEC else entry)


blobs = st.sampled_from([*NUMBERS, oid("")])
modes = st.sampled_from([MODE_FILE, MODE_FILE, MODE_FILE, MODE_EXEC, MODE_LINK])
annexed = st.sampled_from([*POINTERS.values(), *LINKS.values()])
entries = st.builds(Entry, modes, blobs) | annexed
paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(lambda parts: RelPath(b"/".join(parts)))
file_sets = st.lists(st.tuples(paths, entries), max_size=12).map(without_clashes)


@st.composite
def perturbed(draw: st.DrawFn, base: Files) -> Files:
    """The files of `base` after a few things that people do: edit, delete, add, rename, move a directory."""
    now = dict(base)
    for _ in range(draw(st.integers(0, 4))):
        known = sorted(now)
        match draw(st.sampled_from(["edit", "delete", "add", "rename", "mode"])):
            case "add":
                now = model_edit(now, {draw(paths): draw(entries)})
            case _ if not known:
                continue
            case "edit":
                name = draw(st.sampled_from(known))
                now[name] = draw(entries)
            case "mode":
                name = draw(st.sampled_from(known))
                now[name] = Entry(draw(modes), now[name].oid)
            case "delete":
                del now[draw(st.sampled_from(known))]
            case _:
                name, target = draw(st.sampled_from(known)), draw(paths)
                entry = now.pop(name)
                now = model_edit(now, {target: entry})
    return now


@st.composite
def histories(draw: st.DrawFn) -> tuple[Files, Files, Files]:
    """A base and two descendants that differ from it in a few things each."""
    base = draw(file_sets)
    return base, draw(perturbed(base)), draw(perturbed(base))


def fake_oid(number: int) -> Oid:
    return Oid(sha1(b"%d" % number).digest())
