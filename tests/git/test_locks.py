"""A lock that a killed git left is removed; one that a living git holds is not (I27)."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from instep.git.locks import git_at_work, remove_stale_locks
from instep.git.repository import Repository
from tests.conftest import RepositoryMaker, run_git


@pytest.fixture
def repo(plain_repository: RepositoryMaker) -> Repository:
    return Repository.open(plain_repository())


def lock(repo: Repository, name: bytes, age_s: float = 60.0) -> bytes:
    path = repo.git_dir + b"/" + name
    with open(path, "wb"):
        pass
    then = time.time() - age_s
    os.utime(path, (then, then))
    return path


@pytest.mark.parametrize("name", [b"HEAD.lock", b"index.lock", b"refs/heads/main.lock"])
def test_a_dead_git_s_lock_goes(repo: Repository, name: bytes) -> None:  # I27
    path = lock(repo, name)
    assert remove_stale_locks(repo) == [path]
    assert not os.path.exists(path)


def test_a_young_lock_stays(repo: Repository) -> None:  # I27
    path = lock(repo, b"HEAD.lock", age_s=0)
    waited: list[float] = []
    assert remove_stale_locks(repo, waited.append) == []
    assert os.path.exists(path)
    assert waited, "it is looked at again when it is older"


def test_a_young_lock_that_outlives_the_wait_goes(repo: Repository) -> None:  # I27
    path = lock(repo, b"refs/heads/main.lock", age_s=0)
    assert remove_stale_locks(repo, lambda _: lock(repo, b"refs/heads/main.lock")) == [path]
    assert remove_stale_locks(repo, lambda _: pytest.fail("nothing to wait for")) == []


def test_a_lock_from_the_future_is_not_waited_for(repo: Repository) -> None:  # I20 I27
    path = lock(repo, b"index.lock", age_s=-1e9)
    assert remove_stale_locks(repo, lambda _: pytest.fail("for thirty years?")) == [path]


def test_while_a_git_works_there_every_lock_stays(repo: Repository) -> None:  # I27
    path = lock(repo, b"index.lock")
    shell = ["sh", "-c", 'git -C "$0" cat-file --batch; echo end', os.fsdecode(repo.root)]
    with subprocess.Popen(shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(b"HEAD\n")
        parent.stdin.flush()
        parent.stdout.readline()  # git answers, so it is there
        assert git_at_work(repo, path)
        assert remove_stale_locks(repo) == []
    assert os.path.exists(path)


def test_our_own_lasting_processes_are_no_reason_to_wait(repo: Repository) -> None:
    repo.objects.resolve("HEAD")  # starts `git cat-file`
    assert not git_at_work(repo, repo.git_dir + b"/HEAD")


@pytest.mark.usefixtures("bound_by_permissions")
def test_another_user_s_git_may_hold_its_own_locks_only(exact_disk: Path) -> None:  # I27
    """What it works on can't be seen."""
    stranger, another = 12345, 23456
    run_git(exact_disk, "init", "-q", "repository")
    repo = Repository.open(exact_disk / "repository")
    theirs, other = lock(repo, b"index.lock"), lock(repo, b"HEAD.lock")
    os.chown(theirs, stranger, -1)
    os.chown(other, another, -1)
    shell = ["sh", "-c", f"setpriv --reuid={stranger} --clear-groups git hash-object --stdin-paths; echo end"]
    with subprocess.Popen(shell, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(b"/etc/passwd\n")
        parent.stdin.flush()
        assert parent.stdout.readline(), "git is there"
        assert remove_stale_locks(repo) == [other]
    assert remove_stale_locks(repo) == [theirs]
