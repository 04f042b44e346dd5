"""What git says of tree, index and work tree."""

import os
from pathlib import Path

import pytest

from instep.core.tree import walk
from instep.core.types import MODE_EXEC, MODE_FILE, Entry, Oid, RelPath
from instep.git.differences import compare
from instep.git.errors import GitError
from instep.git.repository import Repository
from tests.conftest import run_git

ODD = b"a line\nbreak and \xff"


def write(repo: Repository, name: bytes, text: str) -> Path:
    path = Path(os.fsdecode(repo.root)) / os.fsdecode(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def settled(any_repo: Repository) -> Repository:
    """Two files, committed."""
    for name in (b"d/kept", ODD):
        write(any_repo, name, "old")
    git(any_repo, "add", ".")
    git(any_repo, "-c", "user.name=T", "-c", "user.email=t@e", "commit", "-qm", "m")
    return any_repo


def git(repo: Repository, *args: str) -> bytes:
    return run_git(Path(os.fsdecode(repo.root)), *args)


def tree_of(repo: Repository) -> Oid:
    tree = repo.objects.resolve("HEAD^{tree}")
    assert tree is not None
    return tree


def test_nothing_differs(settled: Repository) -> None:  # I28
    found = compare(settled.git, tree_of(settled))
    assert (found.staged, found.changed, found.untracked) == ({}, set(), set())


def test_each_kind_of_difference(settled: Repository) -> None:  # I21
    before = dict(walk(tree_of(settled), settled.objects.tree))
    write(settled, ODD, "longer than before")
    write(settled, b"staged", "1").chmod(0o755)
    git(settled, "add", "staged")
    git(settled, "rm", "-q", "--cached", "d/kept")
    write(settled, b"ignored", "1")
    write(settled, b".git/info/exclude", "ignored\n")
    found = compare(settled.git, tree_of(settled))
    blob = settled.format.hash(b"blob", b"1")
    assert found.staged == {b"staged": Entry(MODE_EXEC, blob), b"d/kept": None}
    assert found.changed == {ODD}
    assert found.untracked == {b"d/kept"}
    assert before[RelPath(b"d/kept")].mode == MODE_FILE


def test_an_unborn_branch_is_the_empty_tree(any_repo: Repository) -> None:
    write(any_repo, b"one", "1")
    assert compare(any_repo.git, any_repo.format.empty_tree).untracked == {b"one"}


def test_a_repository_inside_is_nothing_of_ours(settled: Repository) -> None:  # I23
    git(settled, "init", "-q", "inner")
    write(settled, b"inner/file", "1")
    assert compare(settled.git, tree_of(settled)).untracked == set()


def test_a_broken_index_is_an_error(settled: Repository) -> None:
    write(settled, b".git/index", "DIRC and no more")
    with pytest.raises(GitError, match="index"):
        compare(settled.git, tree_of(settled))
