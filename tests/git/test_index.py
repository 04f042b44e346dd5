"""The index that instep writes: git reads it, trusts it without a filter, and finds what people staged."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instep.core.tree import edit
from instep.core.types import MODE_EXEC, MODE_FILE, MODE_LINK, Entry, Oid, RelPath
from instep.fs.identity import Identity
from instep.git.errors import GitError, IndexBusy
from instep.git.index import IndexUpdate, read_index, write_by_git, write_index
from instep.git.process import git_environment
from instep.git.repository import Repository
from tests.conftest import GitRunner, run_git
from tests.git.conftest import blob

OLD_S = 1_500_000_000
"""When the files of these tests were changed: long before any index."""


def put(repo: Repository, path: bytes, data: bytes, mode: int = MODE_FILE, when_s: int = OLD_S) -> Entry:
    """A file in the work tree, and its blob."""
    full = repo.root + b"/" + path
    os.makedirs(os.path.dirname(full), exist_ok=True)
    if mode == MODE_LINK:
        os.symlink(data, full)
    else:
        with open(full, "wb") as file:
            file.write(data)
        os.chmod(full, 0o755 if mode == MODE_EXEC else 0o644)
    os.utime(full, (when_s, when_s), follow_symlinks=False)
    return Entry(mode, blob(repo, data))


def identity(repo: Repository, path: bytes) -> Identity:
    return Identity.of(os.lstat(repo.root + b"/" + path))


def added(repo: Repository, files: Mapping[bytes, Entry]) -> dict[RelPath, IndexUpdate]:
    """Updates that add files that are in the work tree."""
    return {RelPath(path): IndexUpdate(None, entry, identity(repo, path)) for path, entry in files.items()}


def staged(repo: Repository) -> dict[bytes, Entry]:
    """What git finds in the index, unmerged entries left out."""
    found: dict[bytes, Entry] = {}
    for line in repo.run("ls-files", "-s", "-z").split(b"\0")[:-1]:
        words, _, path = line.partition(b"\t")
        mode, oid, stage = words.split(b" ")
        if stage == b"0":
            found[path] = Entry(int(mode, 8), Oid(bytes.fromhex(oid.decode())))
    return found


def head(repo: Repository) -> None:
    """Commits what is in the index."""
    run_git(os.fsdecode(repo.root), "commit", "-q", "--no-verify", "-m", "x")


def test_as_git_add_does(any_repo: Repository, git: GitRunner) -> None:
    files = {
        b"text": put(any_repo, b"text", b"hello\n"),
        b"run": put(any_repo, b"run", b"#!/bin/sh\n", MODE_EXEC),
        b"link": put(any_repo, b"link", b"text", MODE_LINK),
        b"d/\xff\n": put(any_repo, b"d/\xff\n", b""),
        b"d/" + b"n" * 250 + b"/" + b"m" * 250: put(
            any_repo, b"d/" + b"n" * 250 + b"/" + b"m" * 250, b"deep"
        ),
        b"p/" * 2045 + b"x": Entry(MODE_FILE, blob(any_repo, b"too long for some")),
    }
    far = next(path for path in files if len(path) > 4090)
    updates = added(any_repo, {path: entry for path, entry in files.items() if path != far})
    assert write_index(any_repo, updates | {RelPath(far): IndexUpdate(None, files[far])}) == set()
    assert staged(any_repo) == files
    top = any_repo.root.decode()
    git(top, "rm", "-q", "--cached", far)
    mine = any_repo.run("ls-files", "-s", "--debug")
    assert git(top, "status", "--porcelain").count(b"A  ") == 5
    os.unlink(any_repo.git_dir + b"/index")
    git(top, "add", ".")
    assert any_repo.run("ls-files", "-s", "--debug") == mine


def test_git_starts_no_filter(repo: Repository) -> None:
    files = {b"d/%d" % number: put(repo, b"d/%d" % number, b"%d" % number) for number in range(20)}
    assert write_index(repo, added(repo, files)) == set()
    head(repo)
    repo.run("config", "filter.annex.process", "touch filter-ran; false")
    repo.run("config", "filter.annex.required", "true")
    Path(os.fsdecode(repo.git_dir), "info/attributes").write_text("* filter=annex\n")
    for command in (["status", "--porcelain"], ["diff"], ["diff", "HEAD"], ["update-index", "--refresh"]):
        environment = git_environment() | {"GIT_TRACE": "1"}
        done = subprocess.run(
            ["git", *command], cwd=repo.root, env=environment, capture_output=True, check=True
        )
        assert done.stdout == b""
        assert b"filter-ran" not in done.stderr
    assert not os.path.exists(repo.root + b"/filter-ran")


def test_young_files_are_left_to_git(repo: Repository) -> None:
    now_s = os.stat(repo.git_dir + b"/config").st_mtime_ns // 10**9
    files = {b"old": put(repo, b"old", b"1"), b"young": put(repo, b"young", b"2", when_s=now_s + 1)}
    files[b"future"] = put(repo, b"future", b"3", when_s=now_s + 10**6)
    assert write_index(repo, added(repo, files)) == {b"young"}
    entries = {entry.path: entry for entry in read_index(repo.git_dir + b"/index", 20)}
    assert [entries[RelPath(path)].mtime_ns for path in (b"old", b"young", b"future")] == [
        OLD_S * 10**9,
        0,
        0,
    ]
    os.utime(repo.root + b"/young", (OLD_S, OLD_S))
    again = {RelPath(b"young"): IndexUpdate(files[b"young"], files[b"young"], identity(repo, b"young"))}
    assert write_index(repo, again) == set()
    assert repo.run("status", "--porcelain") == b"A  future\nA  old\nA  young\n"


def test_a_file_that_moved_on_gets_no_stat_data(repo: Repository) -> None:
    updates = added(repo, {b"f": put(repo, b"f", b"1"), b"gone": put(repo, b"gone", b"1")})
    put(repo, b"f", b"2", when_s=OLD_S + 1)
    os.unlink(repo.root + b"/gone")
    assert write_index(repo, updates) == {b"f", b"gone"}
    assert repo.run("status", "--porcelain") == b"AM f\nAD gone\n"


def test_entries_as_young_as_the_old_index_lose_their_size(repo: Repository, git: GitRunner) -> None:
    """Otherwise the newer index would make git trust them: here a rewrite of the same size and second."""
    put(repo, b"racy", b"one")
    git(repo.root.decode(), "add", "racy")
    os.utime(repo.git_dir + b"/index", (OLD_S, OLD_S))
    st = os.lstat(repo.root + b"/racy")
    put(repo, b"racy", b"two")
    assert os.lstat(repo.root + b"/racy").st_ino == st.st_ino
    data = Path(os.fsdecode(repo.git_dir), "index").read_bytes()
    ctime = os.lstat(repo.root + b"/racy").st_ctime_ns
    fields = ctime // 10**9, ctime % 10**9
    data = data[:12] + b"".join(field.to_bytes(4, "big") for field in fields) + data[20:]
    assert len(data) > 40
    Path(os.fsdecode(repo.git_dir), "index").write_bytes(data[:-20] + _sha1(data[:-20]))
    os.utime(repo.git_dir + b"/index", (OLD_S, OLD_S))
    assert repo.run("status", "--porcelain") == b"AM racy\n"
    write_index(repo, added(repo, {b"other": put(repo, b"other", b"3")}))
    assert repo.run("status", "--porcelain") == b"A  other\nAM racy\n"


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


def test_what_a_person_staged_stays(any_repo: Repository, git: GitRunner) -> None:  # I27
    repo, top = any_repo, any_repo.root.decode()
    old = {path: put(repo, path, path) for path in (b"changed", b"removed", b"replaced", b"d/x", b"plain")}
    write_index(repo, added(repo, old))
    (Path(top) / "changed").write_text("by a person")
    git(top, "add", "changed")
    git(top, "rm", "-q", "--cached", "removed")
    (Path(top) / "d/x").write_text("by a person")
    (Path(top) / "new").write_text("by a person")
    git(top, "add", "d/x", "new")
    before = staged(repo)
    ours = Entry(MODE_FILE, blob(repo, b"ours"))
    updates = {
        path: IndexUpdate(old.get(path), ours) for path in map(RelPath, (b"changed", b"removed", b"new"))
    }
    updates[RelPath(b"d/x")] = IndexUpdate(old[b"d/x"], None)
    updates[RelPath(b"d")] = IndexUpdate(None, ours)  # can't be: the person's d/x is there
    updates[RelPath(b"new/below")] = IndexUpdate(None, ours)
    updates[RelPath(b"plain")] = IndexUpdate(old[b"plain"], ours)
    write_index(repo, updates)
    assert staged(repo) == before | {b"plain": ours}


def test_file_and_directory_change_places(repo: Repository, git: GitRunner) -> None:
    old = {path: put(repo, path, path) for path in (b"a", b"d/x/y", b"d/z", b"d-", b"d0")}
    write_index(repo, added(repo, old))
    git(repo.root.decode(), "write-tree")  # directories become known
    new = Entry(MODE_FILE, blob(repo, b"new"))
    updates: dict[RelPath, IndexUpdate] = {
        RelPath(b"a"): IndexUpdate(old[b"a"], None),
        RelPath(b"a/b"): IndexUpdate(None, new),
        RelPath(b"d"): IndexUpdate(None, new),
        RelPath(b"d/x/y"): IndexUpdate(old[b"d/x/y"], None),
        RelPath(b"d/z"): IndexUpdate(old[b"d/z"], None),
    }
    write_index(repo, updates)
    expected = {b"a/b": new, b"d": new, b"d-": old[b"d-"], b"d0": old[b"d0"]}
    assert staged(repo) == expected
    assert repo.objects.resolve(repo.run("write-tree").decode().strip()) == _tree(repo, expected)


def _tree(repo: Repository, files: Mapping[bytes, Entry]) -> Oid:
    edited = edit(
        None, {RelPath(path): entry for path, entry in files.items()}, repo.objects.tree, repo.format
    )
    repo.objects.write(edited.objects)
    return edited.root


def test_unfinished_merge_is_left_alone(repo: Repository, git: GitRunner) -> None:
    top = repo.root.decode()
    write_index(repo, added(repo, {b"f": put(repo, b"f", b"base\n"), b"g": put(repo, b"g", b"g")}))
    head(repo)
    git(top, "checkout", "-q", "-b", "side")
    put(repo, b"f", b"side\n", when_s=OLD_S + 3)
    git(top, "commit", "-q", "-a", "-m", "side")
    git(top, "checkout", "-q", "main")
    put(repo, b"f", b"main\n", when_s=OLD_S + 5)
    git(top, "commit", "-q", "-a", "-m", "main")
    git(top, "merge", "-q", "side", check=False)
    before = repo.run("ls-files", "-u")
    assert before
    entry = Entry(MODE_FILE, blob(repo, b"ours"))
    updates = {RelPath(b"f"): IndexUpdate(None, entry), RelPath(b"h"): IndexUpdate(None, entry)}
    write_index(repo, updates)
    assert repo.run("ls-files", "-u") == before
    assert staged(repo).keys() == {b"g", b"h"}


@pytest.mark.parametrize("version", [2, 3, 4])
def test_flags_and_versions(any_repo: Repository, git: GitRunner, version: int) -> None:
    repo, top = any_repo, any_repo.root.decode()
    files = {b"d/%03d" % number: put(repo, b"d/%03d" % number, b"%d" % number) for number in range(300)}
    write_index(repo, added(repo, files))
    git(top, "update-index", "--assume-unchanged", "d/005")
    if version > 2:
        git(top, "update-index", "--skip-worktree", "d/006")
        put(repo, b"d/new", b"intended")
        put(repo, b"later", b"intended")
        git(top, "add", "-N", "d/new", "later")
        git(top, "update-index", f"--index-version={version}")
    index = repo.git_dir + b"/index"
    assert Path(os.fsdecode(index)).read_bytes()[7] == version
    entry = Entry(MODE_FILE, blob(repo, b"changed"))
    paths = [RelPath(path) for path in (b"d/005", b"d/006", b"d/299")]
    updates = {path: IndexUpdate(files[path], entry) for path in paths}
    updates[RelPath(b"a")] = updates[RelPath(b"d/1505")] = IndexUpdate(None, entry)
    updates[RelPath(b"d/000")] = IndexUpdate(files[b"d/000"], None)
    if version > 2:
        updates[RelPath(b"d/new")] = IndexUpdate(None, entry)
    write_index(repo, updates)
    assert Path(os.fsdecode(index)).read_bytes()[7] == version
    lines = git(top, "ls-files", "-v").splitlines()
    tags = {line[2:]: line[:1] for line in lines}
    assert tags[b"d/005"] == b"h"
    assert tags[b"d/006"] == (b"S" if version > 2 else b"H")
    expected = files | dict.fromkeys((*paths, b"a", b"d/1505"), entry)
    del expected[b"d/000"]
    entries = {found.path: found for found in read_index(index, repo.format.oid_bytes)}
    if version > 2:
        expected[b"d/new"] = entry
        assert entries.pop(RelPath(b"later")).is_intent
        assert b" A later" in git(top, "status", "--porcelain")
    assert {path: found.entry for path, found in entries.items()} == expected
    git(top, "fsck")


def test_locked(repo: Repository) -> None:  # I27
    files = added(repo, {b"f": put(repo, b"f", b"1")})
    lock = Path(os.fsdecode(repo.git_dir), "index.lock")
    lock.touch()
    with pytest.raises(IndexBusy, match=r"index\.lock exists"):
        write_index(repo, files)
    with pytest.raises(IndexBusy):
        write_by_git(repo, files)
    assert lock.exists()
    lock.unlink()
    write_index(repo, files)
    assert not lock.exists()
    assert write_index(repo, files) == write_index(repo, {}) == set()


@pytest.mark.parametrize("kind", ["split", "sparse"])
def test_what_is_left_to_git(repo: Repository, git: GitRunner, kind: str) -> None:
    top = repo.root.decode()
    old = {path: put(repo, path, path) for path in (b"a", b"b", b"d/c", b"e/f")}
    write_index(repo, added(repo, old))
    head(repo)
    if kind == "split":
        git(top, "update-index", "--split-index")
    else:
        git(top, "sparse-checkout", "set", "--cone", "--sparse-index", "d")
    put(repo, b"b", b"by a person")
    git(top, "add", "b")
    before = staged(repo)
    new = Entry(MODE_FILE, blob(repo, b"new"))
    updates = {RelPath(path): IndexUpdate(old.get(path), new) for path in (b"a", b"b", b"n")}
    updates[RelPath(b"d/c")] = IndexUpdate(old[b"d/c"], None)
    assert write_index(repo, updates) == set()
    expected = before | {b"a": new, b"n": new}
    del expected[b"d/c"]
    assert staged(repo) == expected


def test_broken_index_is_reported_in_gits_words(repo: Repository) -> None:
    files = added(repo, {b"f": put(repo, b"f", b"1")})
    index = Path(os.fsdecode(repo.git_dir), "index")
    write_index(repo, files)
    whole = index.read_bytes()
    for text in (b"", b"DIRC", whole[:50], b"DIRC\0\0\0\x09" + whole[8:], whole[:11] + b"\xff" + whole[12:]):
        index.write_bytes(text)
        with pytest.raises(GitError):
            write_index(repo, added(repo, {b"g": put(repo, b"g", b"1")}))
        assert index.read_bytes() == text


def test_mode_of_the_file_stays(repo: Repository) -> None:
    write_index(repo, added(repo, {b"f": put(repo, b"f", b"1")}))
    index = Path(os.fsdecode(repo.git_dir), "index")
    index.chmod(0o640)
    write_index(repo, added(repo, {b"g": put(repo, b"g", b"1")}))
    assert index.stat().st_mode & 0o777 == 0o640


DIRECTORIES = st.sampled_from([b"", b"d/", b"d/e/", b"d-", b"f/"])
NAMES: st.SearchStrategy[bytes] = st.integers(0, 700).map(lambda number: b"%03d" % number) | st.just(b"d")
PATHS = st.tuples(DIRECTORIES, NAMES).map(b"".join)
STEPS = st.lists(
    st.tuples(
        st.dictionaries(PATHS, st.sampled_from([None, b"1", b"2"]), min_size=1, max_size=30),
        st.sampled_from(["", "", "", "write-tree", "git"]),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=15)
@given(start=st.sampled_from([0, 1, 600]), steps=STEPS)
def test_many_writes_in_a_row(
    tmp_path_factory: pytest.TempPathFactory, start: int, steps: list[tuple[dict[bytes, bytes | None], str]]
) -> None:
    """What is remembered from write to write, and what git is told of directories, stays right."""
    folder = tmp_path_factory.mktemp("index")
    run_git(folder, "init", "-q", ".")
    repo = Repository.open(folder)
    entries = {data: Entry(MODE_FILE, blob(repo, data)) for data in (b"1", b"2")}
    model = {b"d/%03d" % number: entries[b"1"] for number in range(start)}
    write_index(repo, {RelPath(path): IndexUpdate(None, entry) for path, entry in model.items()})
    for changes, then in steps:
        updates: dict[RelPath, IndexUpdate] = {}
        for path, data in _one_tree(changes).items():
            entry = None if data is None else entries[data]
            updates[RelPath(path)] = IndexUpdate(model.get(path), entry)
        write_index(repo, updates)
        _expect(model, updates)
        if os.path.exists(repo.git_dir + b"/index"):
            assert {found.path: found.entry for found in read_index(repo.git_dir + b"/index", 20)} == model
        if then == "write-tree" or (changes, then) == steps[-1]:
            assert repo.objects.resolve(repo.run("write-tree").decode().strip()) == _tree(repo, model)
        elif then == "git":
            repo.run("update-index", "--force-remove", next(iter(changes)))
            model.pop(next(iter(changes)), None)
    assert staged(repo) == model
    repo.run("fsck")
    repo.close()
    shutil.rmtree(folder)


def _one_tree(changes: Mapping[bytes, bytes | None]) -> dict[bytes, bytes | None]:
    """The changes without those that need a file to be where another one needs a directory."""
    taken: dict[bytes, bytes | None] = {}
    for path, data in changes.items():
        clashes = any((path + b"/").startswith(name + b"/") or name.startswith(path + b"/") for name in taken)
        if data is None or not clashes:
            taken[path] = data
    return taken


def _expect(model: dict[bytes, Entry], updates: Mapping[RelPath, IndexUpdate]) -> None:
    """Removals first; then what does not clash with a file or directory that was there before."""
    for path, update in updates.items():
        if update.entry is None:
            model.pop(path, None)
    there = set(model)
    for path, update in updates.items():
        above = {path[:at] for at in range(len(path)) if path[at : at + 1] == b"/"}
        below = {name for name in there if name.startswith(path + b"/")}
        if update.entry is not None and (path in there or not (above & there or below)):
            model[path] = update.entry
