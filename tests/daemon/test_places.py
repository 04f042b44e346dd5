"""Where a folder's things are, found without starting a process."""

from pathlib import Path

import pytest

from instep.daemon.places import (
    NoFolderHere,
    folder_of,
    git_dir_of,
    is_kept,
    known_folders,
    lock_file,
    remember,
)
from tests.conftest import GitRunner, RepositoryMaker


def test_the_folder_that_a_directory_is_in(plain_repository: RepositoryMaker, tmp_path: Path) -> None:
    folder = plain_repository()
    (folder / "a/b").mkdir(parents=True)
    assert folder_of(folder / "a/b") == folder
    (tmp_path / "link").symlink_to(folder / "a")
    assert folder_of(tmp_path / "link") == folder
    with pytest.raises(NoFolderHere):
        folder_of(tmp_path)


def test_a_git_dir_elsewhere(plain_repository: RepositoryMaker, tmp_path: Path, git: GitRunner) -> None:
    folder = plain_repository()
    git(folder, "init", "-q", "--separate-git-dir", str(tmp_path / "elsewhere"))
    assert git_dir_of(folder) == tmp_path / "elsewhere"
    assert git_dir_of(tmp_path) is None


def test_known_folders_are_those_that_were_kept_and_are_there(plain_repository: RepositoryMaker) -> None:
    one, other = plain_repository("one"), plain_repository("other")
    for folder in (one, other):
        remember(folder)
        remember(folder)
    assert one not in known_folders()
    lock_file(one / ".git").parent.mkdir()
    lock_file(one / ".git").touch()
    assert is_kept(one)
    assert one in known_folders()
    assert other not in known_folders()
