"""Every kind of path is recognised, or refused in one sentence with a way out, and left untouched."""

import os
from pathlib import Path

import pytest

from instep.daemon.examine import Kind, Refused, check_git, examine, refuse_nested
from tests.conftest import GitRunner, RepositoryMaker


def refusal(root: Path) -> str:
    with pytest.raises(Refused) as caught:
        examine(root)
    assert caught.value.fix
    return caught.value.text


def commit(folder: Path, git: GitRunner, name: str = "a") -> None:
    (folder / name).write_text(name)
    git(folder, "add", name)
    git(folder, "commit", "-q", "-m", name)


def test_nothing_there(tmp_path: Path) -> None:
    found = examine(tmp_path / "not/yet")
    assert (found.kind, found.branch, found.object_format) == (Kind.ABSENT, "main", "sha1")
    assert not (tmp_path / "not").exists()


def test_an_empty_folder_and_one_with_files(tmp_path: Path) -> None:
    assert examine(tmp_path).kind is Kind.EMPTY
    (tmp_path / "a").touch()
    assert examine(tmp_path).kind is Kind.FILES


def test_a_git_repository(plain_repository: RepositoryMaker, git: GitRunner) -> None:
    folder = plain_repository(object_format="sha256")
    git(folder, "symbolic-ref", "HEAD", "refs/heads/work/now")
    found = examine(folder)
    assert (found.kind, found.branch, found.object_format) == (Kind.GIT, "work/now", "sha256")


def test_a_git_annex_repository(plain_repository: RepositoryMaker, git: GitRunner) -> None:
    folder = plain_repository()
    git(folder, "config", "annex.uuid", "0-0")
    assert examine(folder).kind is Kind.ANNEX


def test_the_persons_default_branch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, git: GitRunner) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    git(tmp_path, "config", "--global", "init.defaultBranch", "trunk")
    assert examine(tmp_path / "new").branch == "trunk"


def test_a_repository_around_a_folder_does_not_count(
    plain_repository: RepositoryMaker, git: GitRunner
) -> None:
    outer = plain_repository()
    git(outer, "config", "annex.uuid", "0-0")
    git(outer, "config", "init.defaultBranch", "outer")
    (outer / "sub").mkdir()
    found = examine(outer / "sub")
    assert (found.kind, found.branch) == (Kind.EMPTY, "main")


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert "is a file" in refusal(tmp_path / "a")
    assert "is a file" in refusal(tmp_path / "a/b")


def test_inside_a_folder_that_is_kept(plain_repository: RepositoryMaker) -> None:
    outer = plain_repository()
    (outer / ".git/instep").mkdir()
    (outer / ".git/instep/lock").touch()
    assert "is inside" in refusal(outer / "sub/new")


def test_bare_repositories_are_refused(
    tmp_path: Path, plain_repository: RepositoryMaker, git: GitRunner
) -> None:
    git(tmp_path, "init", "-q", "--bare", "bare")
    assert "bare" in refusal(tmp_path / "bare")
    folder = plain_repository()
    git(folder, "config", "core.bare", "true")
    assert "bare" in refusal(folder)


def test_while_no_branch_is_checked_out_the_one_that_was_left_counts(
    plain_repository: RepositoryMaker, git: GitRunner
) -> None:
    folder = plain_repository()
    git(folder, "symbolic-ref", "HEAD", "refs/heads/trunk")
    commit(folder, git)
    git(folder, "checkout", "-q", "--detach")
    assert (examine(folder).kind, examine(folder).branch) == (Kind.GIT, "trunk")


def test_an_adjusted_branch_is_refused(plain_repository: RepositoryMaker, git: GitRunner) -> None:
    folder = plain_repository()
    git(folder, "symbolic-ref", "HEAD", "refs/heads/adjusted/main(unlocked)")
    assert "adjusted" in refusal(folder)


def test_a_second_work_tree_is_refused(
    tmp_path: Path, plain_repository: RepositoryMaker, git: GitRunner
) -> None:
    folder = plain_repository()
    commit(folder, git)
    git(folder, "worktree", "add", "-q", str(tmp_path / "second"))
    assert "another work tree" in refusal(tmp_path / "second")


def test_a_broken_repository_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert "no repository" in refusal(tmp_path)


def test_nested_and_equal_paths_are_refused() -> None:
    refuse_nested([Path("/a"), Path("/b"), Path("/ab")])
    for paths in (["/a", "/a"], ["/a", "/b", "/a/c"], ["/a/c/d", "/a"]):
        with pytest.raises(Refused):
            refuse_nested([Path(path) for path in paths])


def test_git_must_be_there_and_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_git()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match="not installed"):
        check_git()
    old = tmp_path / "git"
    old.write_text("#!/bin/sh\necho git version 2.38.9\n")
    old.chmod(0o755)
    with pytest.raises(Refused, match=r"too old: git version 2\.38\.9"):
        check_git()


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    root = Path(os.fsdecode(bytes(tmp_path) + b"/\xff\n-x"))
    root.mkdir()
    assert examine(root).kind is Kind.EMPTY
