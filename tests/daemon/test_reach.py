"""What is at a remote's path: each kind of place is told from the others by what lies there."""

from pathlib import Path

import pytest

from instep.daemon.places import mark_guest, mark_stopped
from instep.daemon.reach import Reach, look_at
from tests.conftest import RepositoryMaker, run_git


@pytest.fixture
def clone(plain_repository: RepositoryMaker) -> Path:
    return plain_repository()


def reach(place: Path) -> Reach:
    return look_at(Path("/"), str(place)).reach


def test_nothing_and_no_repository(tmp_path: Path) -> None:
    assert reach(tmp_path / "absent") is Reach.NOTHING
    assert reach(tmp_path) is Reach.NO_REPOSITORY


def test_a_bare_one_under_its_shorter_name(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "-q", "--bare", "hub.git")
    assert look_at(tmp_path, "hub") == look_at(tmp_path, "hub.git")
    assert reach(tmp_path / "hub.git") is Reach.BARE


def test_a_clone_is_idle_until_it_has_a_process_of_its_own(clone: Path) -> None:
    assert reach(clone) is Reach.IDLE
    (clone / ".git/instep").mkdir()
    (clone / ".git/instep/lock").touch()
    mark_guest(clone / ".git", True)
    assert reach(clone) is Reach.IDLE
    mark_guest(clone / ".git", False)
    assert reach(clone) is Reach.FOLDER


def test_who_stopped_it_or_keeps_it_by_hand_is_heeded(clone: Path) -> None:
    (clone / ".git/instep").mkdir()
    mark_stopped(clone / ".git", True)
    assert reach(clone) is Reach.STOPPED
    run_git(clone, "config", "receive.denyCurrentBranch", "refuse")
    assert reach(clone) is Reach.BY_HAND
    mark_stopped(clone / ".git", False)
    assert reach(clone) is Reach.BY_HAND
