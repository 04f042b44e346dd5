"""Which clones no guest keeps, and why; real processes. How one is kept: tests/system/test_guests.py."""

import os
from pathlib import Path

import pytest

from instep.core.errors import InstepError
from instep.daemon.guest import start_guest
from instep.daemon.places import mark_stopped
from tests.conftest import RepositoryMaker, run_git

pytestmark = pytest.mark.system


@pytest.fixture
def host(annexed: RepositoryMaker) -> Path:
    return annexed("host")


def refusal(host: Path, root: Path) -> str:
    with pytest.raises(InstepError) as refused:
        start_guest(host, root)
    return refused.value.text


def test_one_of_another_user(host: Path, tmp_path: Path) -> None:
    strange = Path("/")
    if os.geteuid() == 0:
        strange = tmp_path / "strange"
        strange.mkdir()
        os.chown(strange, 12345, -1)
    assert "another user" in refusal(host, strange)


def test_one_that_a_person_stopped_since_it_was_looked_at(host: Path, tmp_path: Path) -> None:
    run_git(tmp_path, "clone", "-q", str(host), "clone")
    git_dir = tmp_path / "clone/.git"
    mark_stopped(git_dir, True)
    assert "stopped by hand" in refusal(host, tmp_path / "clone")
    assert not (git_dir / "annex").exists()


def test_one_that_is_a_git_repository_and_no_more(host: Path, plain_repository: RepositoryMaker) -> None:
    plain = plain_repository("plain")
    assert "git-annex does not know it" in refusal(host, plain)
    assert not (plain / ".git/annex").exists()


def test_one_inside_the_other(host: Path) -> None:
    run_git(host, "clone", "-q", str(host), "inside")
    assert "is inside" in refusal(host, host / "inside")
