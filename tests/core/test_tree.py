"""core/tree.py against a slow model, and against git itself."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instep.core.tree import MalformedTree, diff, edit, encode_tree, lookup, parse_tree, walk
from instep.core.types import (
    MODE_EXEC,
    MODE_FILE,
    MODE_GITLINK,
    MODE_LINK,
    MODE_TREE,
    SHA1,
    SHA256,
    Change,
    Entry,
    Oid,
    RelPath,
)
from tests.conftest import GitRunner, RepositoryMaker
from tests.core.trees import (
    Files,
    Store,
    entries,
    fake_oid,
    file,
    file_sets,
    files,
    histories,
    model_edit,
    path,
    paths,
)

all_modes = st.sampled_from([MODE_FILE, MODE_EXEC, MODE_LINK, MODE_TREE, MODE_GITLINK])
any_name = st.binary(min_size=1, max_size=6).filter(lambda name: not set(name) & set(b"\0/"))
any_tree = st.dictionaries(
    any_name, st.builds(Entry, all_modes, st.binary(min_size=20, max_size=20).map(Oid))
)
edits = st.dictionaries(paths, st.none() | entries, max_size=6)


@given(any_tree)
def test_a_tree_survives_encoding_and_parsing(tree: dict[bytes, Entry]) -> None:
    parsed = parse_tree(encode_tree(tree), 20)
    assert parsed == tree
    order = [name + b"/" * entry.is_tree for name, entry in parsed.items()]
    assert order == sorted(order)
    assert encode_tree(parsed) == encode_tree(tree)


def test_a_tree_of_sha256_ids() -> None:
    tree = {b"x": Entry(MODE_FILE, SHA256.hash(b"blob", b""))}
    assert parse_tree(encode_tree(tree), 32) == tree


@pytest.mark.parametrize(
    "data",
    [
        b"100644 a",
        b"100644 a\0short",
        b"100644 a\0" + b"x" * 20 + b"rest",
        b"100644 \0" + b"x" * 20,
        b"100644 a/b\0" + b"x" * 20,
        b"10064x a\0" + b"x" * 20,
        b"010644 a\0" + b"x" * 20,
        b"junk100644 a\0" + b"x" * 20,
        (b"100644 a\0" + b"x" * 20) * 2,
    ],
)
def test_what_is_no_tree_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedTree):
        parse_tree(data, 20)


@given(st.binary(max_size=80))
def test_no_bytes_break_the_parser(data: bytes) -> None:
    try:
        parse_tree(data, 20)
    except MalformedTree:
        return


def test_old_modes_are_read_as_git_reads_them() -> None:
    oid = b"x" * 20
    data = b"100664 a\0" + oid + b"100775 b\0" + oid + b"040000 c\0" + oid
    assert [entry.mode for entry in parse_tree(data, 20).values()] == [MODE_FILE, MODE_EXEC, MODE_TREE]


@given(file_sets, st.lists(paths, max_size=5))
def test_lookup_and_walk_find_the_files(content: Files, others: list[RelPath]) -> None:
    store = Store()
    root = store.put(content)
    assert list(walk(root, store.read)) == sorted(content.items())
    for name in [*content, *others]:
        below = {other: entry for other, entry in content.items() if other.startswith(name + b"/")}
        assert dict(walk(root, store.read, name)) == (
            below or {k: v for k, v in content.items() if k == name}
        )
        found = lookup(root, name, store.read)
        assert found == content.get(name) or (below and found and found.is_tree)


def test_the_root_and_nothing() -> None:
    store = Store()
    assert lookup(SHA1.empty_tree, path(""), store.read) == Entry(MODE_TREE, SHA1.empty_tree)
    assert lookup(None, path("a"), store.read) is None
    assert list(walk(None, store.read)) == []
    assert edit(None, {}, store.read, SHA1).root == SHA1.empty_tree
    assert list(diff(None, SHA1.empty_tree, store.read)) == []


@given(file_sets, file_sets)
def test_diff_says_exactly_what_differs(old: Files, new: Files) -> None:
    store = Store()
    changes = list(diff(store.put(old), store.put(new), store.read))
    expected = {
        Change(name, old.get(name), new.get(name)) for name in old | new if old.get(name) != new.get(name)
    }
    assert set(changes) == expected
    assert [change.path for change in changes] == sorted(change.path for change in expected)


@given(file_sets, edits)
def test_edit_does_as_the_model(content: Files, changes: dict[RelPath, Entry | None]) -> None:
    store = Store()
    root = store.put(content)
    edited, objects = edit(root, changes, store.read, SHA1)
    assert root not in objects
    store.add(objects)
    expected = model_edit(content, changes)
    assert store.files(edited) == expected
    assert edited == store.put(expected), "the same files are the same tree, with no empty directory"


@given(histories())
def test_a_difference_applied_as_an_edit_gives_the_other_tree(trees: tuple[Files, Files, Files]) -> None:
    _, old, new = trees
    store = Store()
    before, after = store.put(old), store.put(new)
    changes = {change.path: change.new for change in diff(before, after, store.read)}
    assert edit(before, changes, store.read, SHA1).root == after


def test_a_subtree_can_be_set_whole() -> None:
    store = Store()
    below = store.put(files(x="1"))
    root, objects = edit(store.put(files(d="1")), {path("d"): Entry(MODE_TREE, below)}, store.read, SHA1)
    store.add(objects)
    assert store.files(root) == files(d__x="1")


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", "a//b/c"])
def test_edit_refuses_what_is_no_path(name: str) -> None:
    with pytest.raises(ValueError, match="not a path"):
        edit(None, {path(name): file("1")}, Store().read, SHA1)


def test_only_what_changed_is_read() -> None:
    """I28: the cost of one change does not grow with the folder."""
    store = Store()
    root = store.put({path(f"d{i % 40}/e{i % 7}/{i}"): Entry(MODE_FILE, fake_oid(i)) for i in range(2000)})
    store.reads.clear()
    edited, objects = edit(root, {path("d3/e3/3"): file("new")}, store.read, SHA1)
    assert len(store.reads) == len(objects) == 3
    store.add(objects)
    store.reads.clear()
    assert [change.path for change in diff(root, edited, store.read)] == [b"d3/e3/3"]
    assert len(store.reads) == 6


def test_depth_is_no_limit() -> None:
    store = Store()
    deep = path("d/" * 3000 + "x")
    root, other = store.put({deep: file("1")}), store.put({deep: file("2")})
    assert [name for name, _ in walk(root, store.read)] == [deep]
    assert [change.path for change in diff(root, other, store.read)] == [deep]


@given(content=file_sets)
def test_edit_without_changes_gives_the_same(content: Files) -> None:
    store = Store()
    root = store.put(content)
    same: dict[RelPath, Entry | None] = dict(content)
    same[path("not-there/at-all")] = None
    assert edit(root, same, store.read, SHA1) == (root, {})


def _index_info(content: Files) -> bytes:
    return b"".join(
        b"%o %b\t%b\0" % (entry.mode, entry.oid.hex().encode(), name) for name, entry in content.items()
    )


@pytest.fixture(scope="module")
def samples() -> list[tuple[Files, Files]]:
    """A handful of tree pairs, made without hypothesis so that git is started a few times only."""
    names = [b"a", b"a.b", b"a-b", b"a0", b"b\xff", b"\n", b"z"]
    modes = [MODE_FILE, MODE_EXEC, MODE_LINK]
    pairs: list[tuple[Files, Files]] = []
    for seed in range(6):
        both: list[Files] = []
        for side in range(2):
            content: Files = {}
            for i in range(40):
                number = int.from_bytes(fake_oid(seed * 1000 + i * (side + 1))[:8], "big")
                parts = [names[number >> shift & 7 if number >> shift & 7 < 7 else 0] for shift in (0, 3, 6)]
                name = RelPath(b"/".join(parts[: 1 + (number >> 9) % 3]))
                content = model_edit(content, {name: Entry(modes[(number >> 11) % 3], fake_oid(number % 5))})
            both.append(content)
        pairs.append((both[0], both[1]))
    return pairs


def _write_tree(folder: Path, content: Files, git: GitRunner) -> Oid:
    git(folder, "read-tree", "--empty")
    git(folder, "update-index", "-z", "--index-info", input=_index_info(content))
    return Oid(bytes.fromhex(git(folder, "write-tree", "--missing-ok").decode().strip()))


def test_git_agrees(
    plain_repository: RepositoryMaker, git: GitRunner, samples: list[tuple[Files, Files]]
) -> None:
    folder = plain_repository()
    store = Store()
    for old, new in samples:
        before, after = _write_tree(folder, old, git), _write_tree(folder, new, git)
        assert (before, after) == (store.put(old), store.put(new))
        raw = git(folder, "diff-tree", "-r", "-z", "--no-renames", before.hex(), after.hex()).split(b"\0")
        ours = [_raw_line(change) for change in diff(before, after, store.read)]
        assert ours == [_without_status(line, name) for line, name in zip(raw[:-1:2], raw[1::2], strict=True)]
    trees = git(folder, "cat-file", "--batch-check=%(objecttype) %(objectname)", "--batch-all-objects")
    for line in trees.splitlines():
        kind, name = line.split()
        data = subprocess.run(
            ["git", "-C", folder, "cat-file", "tree", name], capture_output=True, check=True
        ).stdout
        assert (kind, encode_tree(parse_tree(data, 20))) == (b"tree", data)


def _raw_line(change: Change) -> tuple[bytes, bytes]:
    nothing = Entry(0, Oid(bytes(20)))
    old, new = change.old or nothing, change.new or nothing
    ids = (old.oid.hex().encode(), new.oid.hex().encode())
    return b":%06o %06o %b %b" % (old.mode, new.mode, *ids), bytes(change.path)


def _without_status(line: bytes, name: bytes) -> tuple[bytes, bytes]:
    return line.rpartition(b" ")[0], name
