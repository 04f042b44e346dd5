"""Ignore rules, compared with `git check-ignore` on real files and on nonsense."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from instep.core.types import RelPath
from instep.git.ignore import IgnoreRules
from instep.git.repository import Repository
from tests.conftest import run_git

NAMES = (
    b"a",
    b"b",
    b"ab",
    b"a.b",
    b"-",
    b"a b",
    b"[a]",
    b"\xc3\xa9",
    b"\xff",
    b"a ",
    b"!a",
    b"#b",
    b"]",
    b"\\a",
    b"A",
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository with two levels of directories, and files in all of them."""
    folder = tmp_path_factory.mktemp("ignore")
    run_git(folder, "init", "-q", ".")
    for directory in (b"", b"a", b"ab", b"\xc3\xa9", b"a/a", b"a/ab", b"ab/b"):
        for name in NAMES:
            path = os.path.join(bytes(folder), directory, name)
            if (directory + b"/" + name).lstrip(b"/") in (b"a", b"ab", b"\xc3\xa9", b"a/a", b"a/ab", b"ab/b"):
                os.mkdir(path)
            else:
                Path(os.fsdecode(path)).touch()
    return Repository.open(folder)


def _paths(repo: Repository) -> list[tuple[RelPath, bool]]:
    found: list[tuple[RelPath, bool]] = []
    for top, directories, files in os.walk(repo.root):
        if b".git" in directories:
            directories.remove(b".git")
        for names, is_dir in ((directories, True), (files, False)):
            found += [
                (RelPath(os.path.relpath(os.path.join(top, name), repo.root)), is_dir) for name in names
            ]
    return found


def _ignored_by_git(repo: Repository, paths: list[tuple[RelPath, bool]]) -> set[bytes]:
    text = b"".join(path + b"\0" for path, _ in paths)
    listing = repo.run("check-ignore", "--no-index", "--stdin", "-z", "-v", "-n", input=text, check=False)
    words = listing.split(b"\0")
    return {
        path
        for pattern, path in zip(words[2::4], words[3::4], strict=True)
        if pattern and pattern[:1] != b"!"
    }


def _write(repo: Repository, files: dict[bytes, bytes]) -> None:
    for place, text in files.items():
        path = repo.git_dir + b"/info/exclude" if place == b"exclude" else repo.root + b"/" + place
        Path(os.fsdecode(path)).write_bytes(text)


PIECES = (
    *(
        b"a",
        b"b",
        b"A",
        b"*",
        b"**",
        b"?",
        b"/",
        b"/",
        b"[",
        b"]",
        b"!",
        b"^",
        b"-",
        b"\\",
        b" ",
        b".",
        b"\xff",
    ),
    *(
        b"[ab]",
        b"[!a]",
        b"[^/]",
        b"[[:alpha:]]",
        b"[[:x:]]",
        b"**/",
        b"/**",
        b"\xc3\xa9",
        b"\r",
        b"#",
        b"[a-c]",
        b"[A]",
        b"[A-C]",
        b"[[:upper:]]",
        b"\\A",
    ),
    *(b"[]-]", b"[]a]", b"[\\]]", b"[[:alpha:]-z]", b"[a-", b"[b-a]", b"*a", b"a*b", b"[[:upper:]"),
)
LINE = st.tuples(
    st.sampled_from([b"", b"", b"", b"!"]),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map(b"".join),
    st.sampled_from([b"", b"", b"", b"/"]),
).map(b"".join)
PLACES = st.sampled_from(
    [b".gitignore", b".gitignore", b"a/.gitignore", b"a/a/.gitignore", b"ab/.gitignore", b"exclude"]
)
FILES = st.dictionaries(PLACES, st.lists(LINE, max_size=5).map(b"\n".join), min_size=1, max_size=4)


@settings(max_examples=100)
@example(files={b".gitignore": b"\\A\n[A]"}, fold=True)
@given(files=FILES, fold=st.sampled_from([False, False, True]))
def test_as_git_does(shared: Repository, files: dict[bytes, bytes], fold: bool) -> None:
    shared.run("config", "core.ignoreCase", str(fold).lower())
    shared.config.reload()
    _write(shared, files)
    try:
        paths = _paths(shared)
        rules = IgnoreRules.of(shared)
        assert {path for path, is_dir in paths if rules.ignored(path, is_dir)} == _ignored_by_git(
            shared, paths
        )
    finally:
        _write(shared, {b"exclude": b""})
        for place in files.keys() - {b"exclude"}:
            os.unlink(shared.root + b"/" + place)


def test_precedence(repo: Repository, tmp_path: Path) -> None:
    top = Path(os.fsdecode(repo.root))
    repo.run("config", "core.excludesFile", "~/my excludes")
    repo.config.reload()
    mine = Path.home() / "my excludes"
    mine.write_text("one\ntwo\nthree\n")
    (top / "d").mkdir()
    _write(repo, {b"exclude": b"!two\n!three\n", b".gitignore": b"three\n", b"d/.gitignore": b"!three\n"})
    rules = IgnoreRules.of(repo)
    paths = [RelPath(path) for path in (b"one", b"two", b"three", b"d/one", b"d/two", b"d/three")]
    assert [rules.ignored(path, False) for path in paths] == [True, False, True, True, False, False]
    mine.unlink()
    rules.forget()
    assert [rules.ignored(path, False) for path in paths] == [False, False, True, False, False, False]


def test_default_excludes_file(repo: Repository) -> None:
    default = Path(os.environ["XDG_CONFIG_HOME"], "git/ignore")
    default.parent.mkdir(exist_ok=True)
    default.write_text("*~\n")
    try:
        assert IgnoreRules.of(repo).ignored(RelPath(b"d/a~"), False)
    finally:
        shutil.rmtree(default.parent)


def test_git_directories_are_always_ignored(repo: Repository) -> None:  # I23
    _write(repo, {b".gitignore": b"!.git\n!*\n"})
    rules = IgnoreRules.of(repo)
    for path in (b".git", b".git/config", b"a/.git", b"a/.git/b/c"):
        assert rules.ignored(RelPath(path), True)
    assert not rules.ignored(RelPath(b""), True)
    assert not rules.ignored(RelPath(b".gitignore"), False)


def test_changes_count_after_forget(repo: Repository) -> None:  # I22
    rules = IgnoreRules.of(repo)
    path = RelPath(b"a/b/c")
    assert not rules.ignored(path, False)
    _write(repo, {b".gitignore": b"b/\n"})
    rules.forget()
    assert rules.ignored(path, False)
    assert rules.ignored(RelPath(b"a/b/" + b"d/" * 1500 + b"e"), False)


def test_odd_ignore_files(repo: Repository) -> None:
    top = Path(os.fsdecode(repo.root))
    (top / "rules").write_text("x\n")
    for name in ("link", "fifo", "directory"):
        (top / name).mkdir()
    (top / "link/.gitignore").symlink_to("../rules")
    os.mkfifo(top / "fifo/.gitignore")
    (top / "directory/.gitignore").mkdir()
    rules = IgnoreRules.of(repo)
    assert not any(rules.ignored(RelPath(name + b"/x"), False) for name in (b"link", b"fifo", b"directory"))
