"""Every kind of conflict in real folders: all come to the same files, nothing is lost, nothing multiplies."""

import os
import re
from typing import NamedTuple

import pytest

from tests.steps.side import Side, SideMaker, big, cross, same

Files = dict[str, bytes]
"""What a folder holds; `-> TARGET` is a link, a leading `+` an executable file."""


class Case(NamedTuple):
    """What both know, what each has afterwards, and what is left, variants without what tells them apart."""

    start: Files
    a: Files
    b: Files
    left: list[tuple[str, bytes]]


def edited(name: str, start: bytes, one: bytes, two: bytes) -> Case:
    """Both edit one file, and both versions stay, neither at its path."""
    stem, dot, ending = name.partition(".")
    variant = f"{stem}.variant{dot}{ending}"
    return Case({name: start}, {name: one}, {name: two}, [(variant, one), (variant, two)])


TEXT = b"1\n2\n3\n4\n5\n"
A, B, BOTH = TEXT.replace(b"1", b"a"), TEXT.replace(b"5", b"b"), b"a\n2\n3\n4\nb\n"
X, Y, START = big("x"), big("y"), big("start")

CASES: dict[str, Case] = {
    "different lines": Case({"f": TEXT}, {"f": A}, {"f": B}, [("f", BOTH)]),
    "one line": edited("f.txt", TEXT, TEXT.replace(b"3", b"a"), TEXT.replace(b"3", b"b")),
    "binary": edited("f.bin", b"\0start", b"\0a", b"\0b"),
    "annexed": edited("f.bin", START, X, Y),
    "annexed and plain": Case({"f": START}, {"f": X}, {"f": A}, [("f", A), ("f.variant", X)]),
    "edit and delete": Case({"f": TEXT}, {"f": A}, {}, [("f", A)]),
    "delete and edit": Case({"f": START}, {}, {"f": X}, [("f", X)]),
    "delete and delete": Case({"f": TEXT, "g": TEXT}, {"g": TEXT}, {"g": TEXT}, [("g", TEXT)]),
    "add and add the same": Case({}, {"f": X, "g": A}, {"f": X, "g": A}, [("f", X), ("g", A)]),
    "add and add": Case({}, {"f": A}, {"f": B}, [("f.variant", A), ("f.variant", B)]),
    "file and directory": Case({}, {"f": A}, {"f/g": X}, [("f/g", X), ("f.variant", A)]),
    "directory and edit": Case({"f": START}, {"f/g": A}, {"f": X}, [("f/g", A), ("f.variant", X)]),
    "file for an edited directory": Case({"d/f": TEXT}, {"d/f": A}, {"d": B}, [("d/f", A), ("d.variant", B)]),
    "directory for a file": Case({"f": TEXT}, {"f/g": A}, {"f": TEXT}, [("f/g", A)]),
    "link and edit": edited("f", TEXT, b"-> a", B),
    "link and link": edited("f", b"-> start", b"-> a", b"-> b"),
    "link to a directory and edit below": Case(
        {"d/f": TEXT, "e": A},
        {"d": b"-> e", "e": A},
        {"d/f": B, "e": A},
        [("d.variant", b"-> e"), ("d/f", B), ("e", A)],
    ),
    "mode and mode": Case({"f": TEXT}, {"f": b"+" + TEXT}, {"f": b"+" + TEXT}, [("f", b"+" + TEXT)]),
    "mode and edit": Case({"f": TEXT}, {"f": b"+" + TEXT}, {"f": B}, [("f", b"+" + B)]),
    "mode and edit of annexed": Case({"f": START}, {"f": b"+" + START}, {"f": X}, [("f", b"+" + X)]),
    "two names": Case({"f": START}, {"g": START}, {"h": START}, [("g", START), ("h", START)]),
    "rename and delete": Case({"f": TEXT}, {"g": TEXT}, {}, [("g", TEXT)]),
    "rename and edit": Case({"f": TEXT}, {"g": TEXT}, {"f": B}, [("g", B)]),
    "one name for two": Case(
        {"f": A, "g": B}, {"h": A, "g": B}, {"f": A, "h": B}, [("h.variant", A), ("h.variant", B)]
    ),
    "swapped and edited": Case({"f": A, "g": X}, {"f": X, "g": A}, {"f": A, "g": X}, [("f", X), ("g", A)]),
    "directory with two names": Case(
        {"d/f": A, "d/g": X},
        {"e/f": A, "e/g": X},
        {"h/f": A, "h/g": X},
        [("e/f", A), ("e/g", X), ("h/f", A), ("h/g", X)],
    ),
    "into a directory that was renamed": Case(
        {"d/f": A}, {"e/f": A}, {"d/f": A, "d/new": X}, [("d/new", X), ("e/f", A)]
    ),
    "directories into each other": Case(
        {"d/f": A, "e/g": B},
        {"e/d/f": A, "e/g": B},
        {"d/f": A, "d/e/g": B},
        [("d/e/g", B), ("e/d/f", A)],
    ),
    "a variant itself": Case(
        {"f.variant-1234": TEXT},
        {"f.variant-1234": b"a"},
        {"f.variant-1234": b"b"},
        [("f.variant.variant", b"a"), ("f.variant.variant", b"b")],
    ),
}


def become(side: Side, files: Files) -> None:
    """The folder holds these and nothing else, and all is committed."""
    for name in side.files():
        (side.folder / name).unlink()
    for place, _, _ in os.walk(side.folder, topdown=False):
        if ".git" not in place and place != str(side.folder) and not os.listdir(place):
            os.rmdir(place)
    for name, data in files.items():
        path = side.folder / name
        if data.startswith(b"-> "):
            path.symlink_to(data[3:].decode())
        else:
            side.write(name, data.removeprefix(b"+")).chmod(0o755 if data.startswith(b"+") else 0o644)
    side.commit()


def shown(side: Side) -> list[tuple[str, bytes]]:
    """What the folder holds, as the table has it."""
    found: list[tuple[str, bytes]] = []
    for name, data in side.files().items():
        path = side.folder / name
        executable = not path.is_symlink() and os.access(path, os.X_OK) and path.stat().st_mode & 0o100
        found.append((re.sub(r"\.variant-[^.]*", ".variant", name), b"+" + data if executable else data))
    return sorted(found)


@pytest.mark.parametrize("case", CASES)
def test_a_conflict_is_settled_once(case: str, side: SideMaker) -> None:  # I1 I5 I13 I14 I17 I18
    start, ours, theirs, left = CASES[case]
    a, b, c = (side(name) for name in "abc")
    become(a, start | {"met": b"met"})
    b.merge(a)
    c.merge(a)
    become(a, ours | {"met": b"met"})
    become(b, theirs | {"met": b"met"})
    c.save("of-c", "1")
    from_a, from_b = c.arrival(a), c.arrival(b)
    cross(a, b)
    files = same(a, b)
    assert shown(a) == shown(b) == sorted([*left, ("met", b"met")])

    c.merger.merge(from_a)  # the third one settles it on its own, in a criss-cross with both
    c.merger.merge(from_b)
    a.save("of-a", "1")
    b.save("of-b", "1")
    for one, other in ((a, c), (b, a), (c, b), (a, b), (b, a)):
        one.merge(other)
    rest = {"of-a": b"1", "of-b": b"1", "of-c": b"1"}
    assert same(a, b) == same(b, c) == files | rest
    assert a.merge(b).head is None, "it was settled"
