"""Remotes are written where every git tool sees them, once."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instep.daemon.connect import NameTaken, NoSuchRemote, Remotes, free_name
from tests.conftest import GitRunner, RepositoryMaker


def test_add_and_remove(plain_repository: RepositoryMaker, git: GitRunner, tmp_path: Path) -> None:
    remotes = Remotes(plain_repository("here"))
    other = tmp_path / "My Photos"
    assert remotes.add(other, None, "u-1") == ("My-Photos", True)
    assert git(remotes.root, "config", "remote.My-Photos.annex-uuid") == b"u-1\n"
    fetch = git(remotes.root, "config", "remote.My-Photos.fetch")
    assert fetch == b"+refs/heads/*:refs/remotes/My-Photos/*\n"
    assert remotes.add(other, "another-name", "u-1") == ("My-Photos", False)
    remotes.remove("My-Photos")
    assert git(remotes.root, "remote") == b""
    with pytest.raises(NoSuchRemote):
        remotes.remove("My-Photos")


def test_a_name_that_is_taken(plain_repository: RepositoryMaker, tmp_path: Path) -> None:
    remotes = Remotes(plain_repository("here"))
    remotes.add(tmp_path / "x/copy", None, None)
    assert remotes.add(tmp_path / "y/copy", None, None) == ("copy-2", True)
    with pytest.raises(NameTaken):
        remotes.add(tmp_path / "z/copy", "copy", None)


def test_a_remote_that_a_person_added_is_recognised(
    plain_repository: RepositoryMaker, git: GitRunner, tmp_path: Path
) -> None:
    remotes = Remotes(plain_repository("here"))
    git(remotes.root, "remote", "add", "nas", "../there")
    git(remotes.root, "remote", "add", "far", "host:there")
    assert remotes.add(tmp_path / "there", None, None) == ("nas", False)


@given(st.text(max_size=20), st.lists(st.text(max_size=5)))
def test_every_name_is_one_that_git_takes_and_free(wanted: str, taken: list[str]) -> None:
    name = free_name(wanted, taken)
    assert name not in taken
    assert re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?", name)
    assert ".." not in name
    assert not name.endswith(".lock")
