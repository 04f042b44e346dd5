"""Refs: read as git reads them, moved all or none, with git's own reasons when not."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instep.core.types import Oid
from instep.git.errors import GitError, RefMoved
from instep.git.refs import ANY, RefUpdate, is_valid_ref
from instep.git.repository import Repository
from tests.conftest import GitRunner, run_git
from tests.git.conftest import commit

MAIN = "refs/heads/main"


@pytest.fixture
def two(any_repo: Repository) -> tuple[Repository, Oid, Oid]:
    """A repository whose branch is at the first of two commits."""
    one = commit(any_repo, {b"a": b"1"})
    other = commit(any_repo, {b"a": b"2"}, [one])
    any_repo.refs.update([RefUpdate(MAIN, one, None)], "start")
    return any_repo, one, other


def test_update_and_read(two: tuple[Repository, Oid, Oid], git: GitRunner) -> None:
    repo, one, other = two
    assert repo.refs.read(MAIN) == repo.refs.read("HEAD") == one
    repo.refs.update([RefUpdate(MAIN, other, one), RefUpdate("refs/heads/synced/main", other)], "instep: x")
    assert repo.refs.read(MAIN) == other
    assert repo.refs.list("refs/heads") == {MAIN: other, "refs/heads/synced/main": other}
    log = git(repo.root.decode(), "reflog", "--format=%H %gs").decode().splitlines()
    assert log == [f"{other.hex()} instep: x", f"{one.hex()} start"]
    repo.refs.update([RefUpdate("refs/heads/synced/main", None, other)], "instep: x")
    assert repo.refs.read("refs/heads/synced/main") is None
    repo.refs.update([], "nothing")


def test_moved(two: tuple[Repository, Oid, Oid]) -> None:
    repo, one, other = two
    for name, new, old, actual in (
        *((MAIN, other, None, one), (MAIN, other, other, one), (MAIN, None, other, one)),
        ("refs/heads/absent", other, one, None),
    ):
        with pytest.raises(RefMoved) as caught:
            repo.refs.update([RefUpdate("refs/heads/also", other), RefUpdate(name, new, old)], "r")
        assert (caught.value.name, caught.value.expected, caught.value.actual) == (name, old, actual)
        assert repo.refs.list() == {MAIN: one}
    repo.refs.update([RefUpdate(MAIN, other, ANY)], "r")
    assert repo.refs.read(MAIN) == other


def test_other_failures_are_gits_sentence(two: tuple[Repository, Oid, Oid]) -> None:
    repo, one, other = two
    with pytest.raises(GitError, match="cannot lock ref 'refs/heads/main/x': 'refs/heads/main' exists"):
        repo.refs.update([RefUpdate("refs/heads/main/x", one)], "r")
    with pytest.raises(GitError, match="nonexistent object"):
        repo.refs.update([RefUpdate(MAIN, Oid(bytes(19) + b"x" * (len(one) - 19)), one)], "r")
    lock = Path(os.fsdecode(repo.git_dir), MAIN + ".lock")
    lock.touch()
    with pytest.raises(GitError, match="File exists") as caught:
        repo.refs.update([RefUpdate(MAIN, other, one)], "r")
    assert not isinstance(caught.value, RefMoved)
    lock.unlink()
    repo.refs.update([RefUpdate(MAIN, other, one)], "r")


def test_packed_refs_are_seen(two: tuple[Repository, Oid, Oid], git: GitRunner) -> None:
    repo, one, other = two
    top = repo.root.decode()
    git(top, "tag", "-a", "-m", "t", "t", one.hex())
    git(top, "pack-refs", "--all")
    assert repo.refs.read(MAIN) == one
    assert repo.refs.read("refs/heads/mai") is None
    assert repo.refs.read("refs/tags/t") == repo.objects.resolve("refs/tags/t")
    git(top, "update-ref", MAIN, other.hex())
    git(top, "pack-refs", "--all")
    assert repo.refs.read(MAIN) == other
    repo.refs.update([RefUpdate(MAIN, one, other), RefUpdate("refs/tags/t", None)], "r")
    assert repo.refs.list() == {MAIN: one}


def test_head(two: tuple[Repository, Oid, Oid], git: GitRunner) -> None:
    repo, one, _ = two
    top = repo.root.decode()
    assert repo.refs.head_branch() == "main"
    git(top, "symbolic-ref", "HEAD", b"refs/heads/\xff/new")
    assert repo.refs.head_branch() == os.fsdecode(b"\xff/new")
    assert repo.refs.read("HEAD") is None
    repo.refs.update([RefUpdate("refs/heads/" + os.fsdecode(b"\xff/new"), one, None)], "r")
    assert repo.refs.read("HEAD") == one
    git(top, "checkout", "-q", "--detach")
    assert repo.refs.head_branch() is None
    assert repo.refs.read("HEAD") == one


def test_broken_refs(two: tuple[Repository, Oid, Oid]) -> None:
    repo = two[0]
    heads = Path(os.fsdecode(repo.git_dir), "refs/heads")
    (heads / "torn").write_bytes(b"123")
    (heads / "loop").write_bytes(b"ref: refs/heads/loop\n")
    (heads / "out").write_bytes(b"ref: ../../config\n")
    for name in ("torn", "loop", "out"):
        with pytest.raises(GitError):
            repo.refs.read("refs/heads/" + name)
    assert repo.refs.read("refs/heads/main/below") is None
    assert repo.refs.read("refs/heads/di") is None


def test_many_reasons_and_a_killed_git(two: tuple[Repository, Oid, Oid]) -> None:
    repo, one, other = two
    here, there = one, other
    for number in range(6):
        repo.refs.update([RefUpdate(MAIN, there, here)], f"reason {number % 5}")
        here, there = there, here
        for child in Path("/proc/self/task").glob("*/children"):
            for pid in child.read_text().split():
                if b"update-ref" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(int(pid), 9)
    assert repo.refs.read(MAIN) == here


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    folder = tmp_path_factory.mktemp("names")
    run_git(folder, "init", "-q", ".")
    return Repository.open(folder)


_LETTERS = st.text(st.sampled_from("ab/.@{}~^:?*[\\ -\x7f\u00e9"), max_size=6)
_PARTS = st.from_regex(r"([a@.]{1,2}|b\.lock)(/([a@{.-]{1,2}|b\.lock|x))?", fullmatch=True)


@given(name=_LETTERS | _PARTS)
def test_names(shared: Repository, name: str) -> None:
    full = "refs/heads/" + name
    done = shared.git.result("check-ref-format", full)
    assert is_valid_ref(full) == (done.returncode == 0)


def test_names_are_checked_before_git_is_asked(repo: Repository) -> None:
    for name in ("main", "refs/heads/a..b", "refs/../config", "refs/heads/a\0b", "refs/heads/a\nb"):
        with pytest.raises(GitError, match="no name for a ref"):
            repo.refs.read(name)
        with pytest.raises(GitError, match="no name for a ref"):
            repo.refs.update([RefUpdate(name, None)], "r")
