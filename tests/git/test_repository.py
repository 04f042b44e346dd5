"""Opening repositories of every shape."""

import stat
from pathlib import Path

import pytest

from instep.git.errors import NotARepository
from instep.git.repository import Repository
from tests.conftest import GitRunner, RepositoryMaker
from tests.git.conftest import commit


def test_open(any_repo: Repository, tmp_path: Path) -> None:
    assert any_repo.root == bytes(tmp_path.resolve() / "repository")
    assert any_repo.git_dir == any_repo.common_dir == any_repo.root + b"/.git"
    assert not any_repo.bare
    assert any_repo.format.name == (any_repo.config.get("extensions.objectFormat") or "sha1")
    mode = (Path(any_repo.private.decode())).stat().st_mode
    assert stat.S_IMODE(mode) == 0o700


def test_names_are_bytes(tmp_path: Path, git: GitRunner) -> None:
    folder = bytes(tmp_path) + b"/a\nb \xff:"
    git(tmp_path, "init", "-q", folder)
    repo = Repository.open(folder)
    assert repo.root == folder
    assert repo.run("rev-parse", "--is-inside-work-tree") == b"true\n"


def test_through_a_symlink(repo: Repository, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("repository")
    assert Repository.open(tmp_path / "link").root == repo.root


def test_bare(tmp_path: Path, git: GitRunner) -> None:
    git(tmp_path, "init", "-q", "--bare", "store")
    repo = Repository.open(str(tmp_path / "store"))
    assert repo.bare
    assert repo.root == repo.git_dir == bytes(tmp_path / "store")
    oid = commit(repo, {b"a": b"b"})
    assert repo.objects.resolve(oid.hex()) == oid


def test_linked_work_tree(repo: Repository, tmp_path: Path, git: GitRunner) -> None:
    git(repo.root.decode(), "commit", "-q", "--allow-empty", "-m", "x")
    git(repo.root.decode(), "worktree", "add", "-q", "-b", "side", str(tmp_path / "linked"))
    linked = Repository.open(tmp_path / "linked")
    assert linked.git_dir == repo.git_dir + b"/worktrees/linked"
    assert linked.common_dir == repo.git_dir
    assert (linked.refs.head_branch(), repo.refs.head_branch()) == ("side", "main")
    assert linked.refs.read("HEAD") == linked.refs.read("refs/heads/main")


@pytest.mark.parametrize("place", ["", "repository/below", "repository/.git", "absent", "file"])
def test_not_a_repository(tmp_path: Path, plain_repository: RepositoryMaker, place: str) -> None:
    (plain_repository() / "below").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(NotARepository):
        Repository.open(tmp_path / place)


def test_idle_and_close(repo: Repository) -> None:
    oid = commit(repo, {b"a": b"b"})
    for _ in range(2):
        assert repo.objects.resolve(oid.hex() + "^{tree}")
        repo.idle()
        repo.close()
