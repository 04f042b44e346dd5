"""core/merge.py: properties that no trees may break, the table of cases, and git's own merge beside ours."""

import subprocess
from collections import Counter
from hashlib import md5
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instep.core.merge import Conflict, Disputed, Merged, merge_trees
from instep.core.types import MODE_EXEC, MODE_FILE, MODE_GITLINK, MODE_LINK, SHA1, Entry, Oid, RelPath
from instep.core.variant import MARK
from instep.core.versions import MergeText
from tests.conftest import GitRunner, RepositoryMaker
from tests.core.trees import (
    KEYS,
    LINKS,
    NUMBERS,
    POINTERS,
    Files,
    Store,
    fake_oid,
    file,
    file_sets,
    histories,
    key_of,
    model_edit,
    no_text_merge,
    oid,
    path,
    text_merge,
)

Trees = tuple[Files, Files, Files]
text_merges = st.sampled_from([text_merge, no_text_merge])


class Merger:
    """Merges plain files by way of trees in memory."""

    def __init__(self, text: MergeText = text_merge) -> None:
        self.store = Store()
        self._text = text

    def roots(
        self, base: Oid | None, ours: Oid | None, theirs: Oid | None, disputed: Disputed | None = None
    ) -> Merged:
        merged = merge_trees(base, ours, theirs, self.store.read, key_of, self._text, SHA1, disputed)
        self.store.add(merged.objects)
        return merged

    def merge(self, base: Files | None, ours: Files, theirs: Files) -> Merged:
        put = self.store.put
        return self.roots(None if base is None else put(base), put(ours), put(theirs))

    def files(self, base: Files | None, ours: Files, theirs: Files) -> Files:
        merged = self.merge(base, ours, theirs)
        mirrored = self.merge(base, theirs, ours)
        assert (merged.root, merged.conflicts) == (mirrored.root, mirrored.conflicts)  # I14
        return self.store.files(merged.root)


@given(histories(), text_merges)
def test_merging_a_side_again_changes_nothing(trees: Trees, text: MergeText) -> None:
    """I13, I14: both nodes make the same tree, no variant of a variant appears, no path comes back."""
    base, ours, theirs = trees
    merger = Merger(text)
    merged = merger.files(base, ours, theirs)
    assert merger.files(base, merged, theirs) == merged
    assert merger.files(base, merged, ours) == merged
    assert merger.files(ours, merged, ours) == merged


@given(file_sets, file_sets)
def test_strangers_again_too(ours: Files, theirs: Files) -> None:
    merger = Merger()
    merged = merger.files(None, ours, theirs)
    assert merger.files(None, merged, theirs) == merged
    assert merger.files(None, merged, ours) == merged
    for name in ours.keys() & theirs.keys():
        assert ours[name] != theirs[name] or merged[name] == ours[name]


def content(entry: Entry) -> bytes:
    return key_of(entry) or entry.oid


@given(histories())
def test_no_edit_is_lost(trees: Trees) -> None:
    """I1, I5: whatever was new on a side is in the result, at its path, as a variant or under a new name."""
    base, ours, theirs = trees
    merged = Merger(no_text_merge).files(base, ours, theirs)
    old = {content(entry) for entry in base.values()}
    left = {content(entry) for entry in merged.values()}
    for side in (ours, theirs):
        assert {content(entry) for entry in side.values()} - old <= left
    assert left <= {content(entry) for side in (ours, theirs) for entry in side.values()}


@given(histories())
def test_what_both_sides_still_have_stays(trees: Trees) -> None:
    """I1: however each of them moved it, unless another file of the same content was meant."""
    base, ours, theirs = trees
    merged = Merger(no_text_merge).files(base, ours, theirs)
    copies = Counter(content(entry) for entry in base.values())
    both = {content(entry) for entry in ours.values()} & {content(entry) for entry in theirs.values()}
    assert {each for each in both if copies[each] == 1} <= {content(entry) for entry in merged.values()}


@given(file_sets, file_sets)
def test_strangers_lose_nothing_at_all(ours: Files, theirs: Files) -> None:
    """I1"""
    merged = Merger().files(None, ours, theirs)
    both = [*ours.values(), *theirs.values()]
    assert {content(entry) for entry in merged.values()} == {content(entry) for entry in both}
    names = {name for name in merged if MARK not in name}
    assert names <= ours.keys() | theirs.keys()


@given(histories(), text_merges)
def test_what_one_side_alone_did_is_done(trees: Trees, text: MergeText) -> None:
    """I17: a deletion that one side made stays, an edit that one side made stays."""
    base, ours, theirs = trees
    merger = Merger(text)
    result = merger.merge(base, ours, theirs)
    merged = merger.store.files(result.root)
    conflicting = {conflict.path for conflict in result.conflicts}
    conflicting |= {name for conflict in result.conflicts for name in conflict.variants}
    added = {name for name in ours | theirs if name not in base}
    for mine, other in ((ours, theirs), (theirs, ours)):
        for name in base.keys() | mine.keys() | other.keys():
            if name in conflicting or mine.get(name) != base.get(name):
                continue
            if name in base or merged.get(name) == other.get(name):
                assert merged.get(name) == other.get(name)
            else:
                source = [
                    gone for gone, entry in base.items() if gone not in other and entry.oid == other[name].oid
                ]
                assert source, "only the target of a rename holds something else"
                assert name in added


@given(histories(), text_merges)
def test_conflicts_name_what_there_is(trees: Trees, text: MergeText) -> None:
    base, ours, theirs = trees
    merger = Merger(text)
    result = merger.merge(base, ours, theirs)
    merged = merger.store.files(result.root)
    assert [conflict.path for conflict in result.conflicts] == sorted({c.path for c in result.conflicts})
    for conflict in result.conflicts:
        assert all(name in merged and MARK in name for name in conflict.variants)
        if conflict.kind == "edited-deleted":
            assert conflict.path in merged
    variants = {name for name in merged if MARK in name} - ours.keys() - theirs.keys()
    assert variants <= {name for conflict in result.conflicts for name in conflict.variants}


@given(histories())
def test_without_conflict_nothing_new_appears(trees: Trees) -> None:
    base, ours, theirs = trees
    merger = Merger(no_text_merge)
    assert merger.files(base, ours, base) == ours
    assert merger.files(base, ours, ours) == ours
    assert merger.files(base, {}, base) == {}
    assert merger.files({}, ours, {}) == ours
    assert merger.merge(None, theirs, theirs).objects == {}


X, Y, Z = file("x"), file("y"), file("z")
K0, K1, K2 = KEYS


def name(plain: str, version: Entry, *, whole: bool = False) -> RelPath:
    """The variant name of a version, as the formats reference has it."""
    key = key_of(version) or version.oid.hex().encode()
    stem, dot, extension = plain.partition(".")
    mark = key if whole else md5(key).hexdigest()[:4].encode()
    return path(stem.encode() + b".variant-" + mark + (dot + extension).encode())


def tree(**entries: Entry) -> Files:
    return {path(key.replace("__", "/").replace("_txt", ".txt")): entry for key, entry in entries.items()}


def executable(entry: Entry) -> Entry:
    return Entry(MODE_EXEC, entry.oid)


GIT1, GIT2 = sorted(Entry(MODE_GITLINK, fake_oid(number)) for number in (1, 2))

CASES: dict[str, tuple[Files | None, Files, Files, Files]] = {
    "edit and edit": (
        tree(f_txt=X),
        tree(f_txt=Y),
        tree(f_txt=Z),
        {name("f.txt", Y): Y, name("f.txt", Z): Z},
    ),
    "edit and the same edit": (tree(f=X), tree(f=Y), tree(f=Y), tree(f=Y)),
    "add and add": (tree(), tree(f=Y), tree(f=Z), {name("f", Y): Y, name("f", Z): Z}),
    "never met": (None, tree(f=Y, g=X), tree(f=Z, g=X), {name("f", Y): Y, name("f", Z): Z, path("g"): X}),
    "edit and delete": (tree(f=X), tree(f=Y), tree(), tree(f=Y)),
    "delete and delete": (tree(f=X, g=X), tree(g=X), tree(g=X), tree(g=X)),
    "two keys": (
        tree(d__f=X),
        tree(d__f=POINTERS[K0]),
        tree(d__f=LINKS[K1]),
        {name("d/f", POINTERS[K0]): POINTERS[K0], name("d/f", LINKS[K1]): LINKS[K1]},
    ),
    "one key, link and pointer": (tree(), tree(f=POINTERS[K0]), tree(f=LINKS[K0]), tree(f=POINTERS[K0])),
    "unlocked and edited": (tree(f=LINKS[K0]), tree(f=POINTERS[K0]), tree(f=LINKS[K1]), tree(f=LINKS[K1])),
    "plain and annexed": (
        tree(f=X),
        tree(f=Y),
        tree(f=POINTERS[K0]),
        {path("f"): Y, name("f", POINTERS[K0]): POINTERS[K0]},
    ),
    "mode and edit": (tree(f=X), tree(f=executable(X)), tree(f=Y), tree(f=executable(Y))),
    "mode taken away and edit": (tree(f=executable(X)), tree(f=X), tree(f=executable(Y)), tree(f=Y)),
    "two modes of a new file": (tree(), tree(f=executable(X)), tree(f=X), tree(f=executable(X))),
    "rename and edit": (tree(f=X), tree(g=X), tree(f=Y), tree(g=Y)),
    "rename and edit and mode": (tree(f=X), tree(g=executable(X)), tree(f=Y), tree(g=executable(Y))),
    "rename of a directory and edit": (
        tree(d__f=X, d__g=Y),
        tree(e__f=X, e__g=Y),
        tree(d__f=Z, d__g=Y),
        tree(e__f=Z, e__g=Y),
    ),
    "rename and delete": (tree(f=X), tree(g=X), tree(), tree(g=X)),
    "rename to two names": (tree(f=X), tree(g=X), tree(h=X), tree(g=X, h=X)),
    "rename to one name, with an edit": (tree(f=X), tree(g=X), tree(g=Y), tree(g=Y)),
    "rename that could be two": (tree(f=X), tree(g=X, h=X), tree(f=Y), tree(f=Y, g=X, h=X)),
    "rename of one of two": (tree(f=X, e=X), tree(g=X), tree(f=Y, e=X), tree(f=Y, g=X)),
    "rename onto what the other added": (
        tree(f=X),
        tree(g=X),
        tree(f=Y, g=Z),
        {path("f"): Y, name("g", X): X, name("g", Z): Z},
    ),
    "rename to two names, each of which the other added": (
        tree(f=X),
        tree(g=X, h=Y),
        tree(g=Z, h=X),
        {name(taken, version): version for taken, other in (("g", Z), ("h", Y)) for version in (X, other)},
    ),
    "a new file in the old place": (tree(f=X), tree(g=X), tree(f=Y, h=X), tree(f=Y, g=X, h=X)),
    "an empty file is no rename": (tree(f=file("")), tree(g=file("")), tree(f=Y), tree(f=Y, g=file(""))),
    "file and directory": (tree(), tree(f=X), tree(f__g=Y), {path("f/g"): Y, name("f", X): X}),
    "edit and directory": (tree(f=X), tree(f=Z), tree(f__g=Y), {path("f/g"): Y, name("f", Z): Z}),
    "directory in place of a file": (tree(f=X), tree(f=X), tree(f__g=X), tree(f__g=X)),
    "file in place of a directory": (tree(f__g=X), tree(f__g=X), tree(f=X), tree(f=X)),
    "edit in a directory that became a file": (
        tree(f__g=X, f__h=X),
        tree(f__g=Y, f__h=X),
        tree(f=Z),
        {path("f/g"): Y, name("f", Z): Z},
    ),
    "a taken name": (
        tree(f=X),
        {path("f"): Y, name("f", Z): X},
        tree(f=Z),
        {name("f", Y): Y, name("f", Z): X, name("f", Z, whole=True): Z},
    ),
    "a name taken by a directory": (
        tree(f=X),
        {path("f"): Y, path(name("f", Z) + b"/x"): X},
        tree(f=Z),
        {name("f", Y): Y, path(name("f", Z) + b"/x"): X, name("f", Z, whole=True): Z},
    ),
    "both names taken": (
        tree(f=X),
        {path("f"): Y, name("f", Z): X, name("f", Z, whole=True): X},
        tree(f=Z),
        {
            name("f", Y): Y,
            name("f", Z): X,
            name("f", Z, whole=True): X,
            path(name("f", Z, whole=True) + b"-2"): Z,
        },
    ),
    "two commits of a repository inside": (tree(), tree(f=GIT1), tree(f=GIT2), tree(f=GIT2)),
    "a repository inside and a file": (tree(), tree(f=GIT1), tree(f=X), {path("f"): GIT1, name("f", X): X}),
    "a file moved over an edited one is no edit": (
        tree(f=X, g=Y),
        tree(f=Y),
        tree(h=X, g=Y),
        tree(f=Y, h=X),
    ),
    "everything deleted, one thing edited": (tree(f=X, g=Y), tree(), tree(f=Z, g=Y), tree(f=Z)),
    "everything deleted": (tree(f=X), tree(), tree(f=X), tree()),
}


@pytest.mark.parametrize("case", CASES)
def test_cases(case: str) -> None:
    base, ours, theirs, expected = CASES[case]
    merger = Merger(no_text_merge)
    assert merger.files(base, ours, theirs) == expected
    assert merger.files(base, expected, theirs) == expected
    assert merger.files(base, ours, expected) == expected


def test_text_is_merged_by_line_and_keeps_its_path() -> None:
    base, one, two = (file(str(number)) for number in (1, 3, 5))
    assert Merger().files(tree(f=base), tree(f=one), tree(f=executable(two))) == tree(f=executable(file("7")))


def test_text_is_not_merged_against_a_pointer_or_nothing() -> None:
    one, two = file("3"), file("5")
    both = {name("f", one): one, name("f", two): two}
    assert Merger().files(tree(f=POINTERS[K2]), tree(f=one), tree(f=two)) == both
    assert Merger().files(tree(), tree(f=one), tree(f=two)) == both


def test_conflicts_are_told() -> None:
    result = Merger().merge(tree(a=X, b=X), tree(a=Y, b=Y, c=X), {**tree(a=Z), path("c/d"): X})
    assert result.conflicts == (
        Conflict(path("a"), "both-edited", tuple(name("a", entry) for entry in sorted((Y, Z)))),
        Conflict(path("b"), "edited-deleted", ()),
        Conflict(path("c"), "file-directory", (name("c", X),)),
    )


BOTH = {name("f", X): X, name("f", Y): Y}


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (tree(f=X), tree(), tree()),
        (tree(f=X, g=Z), {name("f", Y): Y}, tree(g=Z)),
        (tree(f=X), BOTH, tree(f=X)),  # chosen by a person
        (tree(f=Z), tree(), tree(f=Z)),
    ],
)
def test_versions_that_the_base_disputes_are_not_new(ours: Files, theirs: Files, expected: Files) -> None:
    """I17: the commits behind the base had `f` as X and as Y."""
    merger = Merger(no_text_merge)
    put = merger.store.put
    for one, two in ((ours, theirs), (theirs, ours)):
        merged = merger.roots(put(BOTH), put(one), put(two), {path("f"): {X, Y}})
        assert merger.store.files(merged.root) == expected


def test_what_is_set_aside_is_told_as_disputed() -> None:
    result = Merger(no_text_merge).merge(tree(f=X), tree(f=Y), tree(f=Z))
    assert result.disputed == {path("f"): {Y, Z}}


def test_equal_subtrees_are_not_read() -> None:
    """I28: merging two small changes of a large folder reads the way to them only."""
    merger = Merger()
    content = {path(f"d{i % 40}/e{i % 7}/{i}"): Entry(X.mode, fake_oid(i)) for i in range(2000)}
    roots = [
        merger.store.put(content | extra)
        for extra in ({}, {path("d3/e3/3"): X}, {path("d3/e3/3"): Y, path("d4/e4/4"): Z})
    ]
    merger.store.reads.clear()
    merged = merger.roots(roots[0], roots[1], roots[2])
    assert len(set(merger.store.reads)) <= 3 * 5
    assert len(merged.objects) <= 5


def test_git_merges_the_same_where_it_finds_no_conflict(
    plain_repository: RepositoryMaker, git: GitRunner
) -> None:
    folder = plain_repository()
    merger = Merger(no_text_merge)
    chance = Random(20)
    samples = [_sample(chance) for _ in range(40)]
    _fast_import(folder, samples, git)
    clean = 0
    for number, (base, ours, theirs) in enumerate(samples):
        command = [
            "git",
            "-C",
            folder,
            "-c",
            "merge.renames=false",
            "merge-tree",
            "--write-tree",
            "--name-only",
        ]
        heads = [f"refs/heads/{number}-1", f"refs/heads/{number}-2"]
        done = subprocess.run([*command, *heads], capture_output=True, check=False)
        assert done.returncode in (0, 1), done.stderr
        if done.returncode == 0:
            clean += 1
            assert merger.merge(base, ours, theirs).root.hex().encode() == done.stdout.strip()
    assert clean >= len(samples) // 4


def _sample(chance: Random) -> Trees:
    names = [path(f"{top}{below}") for top in "abc" for below in ("", "/a", "/b", "/b/c", "-x")]
    modes = [MODE_FILE, MODE_FILE, MODE_FILE, MODE_EXEC, MODE_LINK]

    def changed(content: Files, count: int) -> Files:
        for _ in range(count):
            entry = Entry(chance.choice(modes), oid(str(chance.randrange(8))))
            content = model_edit(content, {chance.choice(names): chance.choice([entry, entry, None])})
        return content

    base = changed({}, 12)
    return base, changed(base, 2), changed(base, 2)


def _fast_import(folder: Path, samples: list[Trees], git: GitRunner) -> None:
    """One commit for each tree, on branches N-0 (the base), N-1 and N-2."""
    lines: list[bytes] = []
    for number, trees in enumerate(samples):
        for side, content in enumerate(trees):
            lines.append(b"commit refs/heads/%d-%d\ncommitter a <b> 0 +0000\ndata 0\n" % (number, side))
            lines.append(b"from refs/heads/%d-0\n" % number if side else b"")
            lines.append(b"deleteall\n")
            for where, entry in content.items():
                text = b"%d" % NUMBERS[entry.oid]
                lines.append(b"M %o inline %b\ndata %d\n%b\n" % (entry.mode, where, len(text), text))
    git(folder, "fast-import", "--quiet", input=b"".join(lines))
