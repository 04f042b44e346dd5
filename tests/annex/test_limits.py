"""What git-annex's settings say of how fast and how much at a time."""

import os

import pytest

from instep.annex.limits import MOST_JOBS, bytes_per_s, faults, jobs
from instep.git.repository import Repository
from tests.conftest import RepositoryMaker, run_git


@pytest.fixture
def repo(plain_repository: RepositoryMaker) -> Repository:
    return Repository.open(plain_repository())


def say(repo: Repository, name: str, value: str) -> None:
    run_git(os.fsdecode(repo.root), "config", name, value)
    repo.config.reload()


def test_nothing_is_limited_by_default(repo: Repository) -> None:
    assert bytes_per_s(repo.config, "nas", "upload") is None
    assert jobs(repo.config) == 1


def test_the_direction_comes_before_the_remote(repo: Repository) -> None:
    """As git-annex 10.20261026: `annex.bwlimit-upload` holds where `remote.NAME.annex-bwlimit` is set."""
    said = [
        ("annex.bwlimit", "1 MiB", 1 << 20, 1 << 20),
        ("remote.nas.annex-bwlimit", "2MB", 2_000_000, 2_000_000),
        ("annex.bwlimit-upload", "3kB", 3000, 2_000_000),
        ("remote.nas.annex-bwlimit-upload", "4", 4, 2_000_000),
        ("remote.nas.annex-bwlimit-download", "5", 4, 5),
    ]
    for name, value, up, down in said:
        say(repo, name, value)
        assert bytes_per_s(repo.config, "nas", "upload") == up
        assert bytes_per_s(repo.config, "nas", "download") == down
    assert bytes_per_s(repo.config, "other", "download") == 1 << 20


def test_what_is_no_amount_limits_nothing_and_is_named(repo: Repository) -> None:
    say(repo, "annex.bwlimit", "much")
    say(repo, "remote.nas.annex-bwlimit-upload", "-")
    say(repo, "remote.nas.annex-sync", "true")
    assert bytes_per_s(repo.config, "nas", "upload") is None
    found = {"annex.bwlimit": "much", "remote.nas.annex-bwlimit-upload": "-"}
    assert dict(faults(repo.config)) == found


@pytest.mark.parametrize(
    ("said", "jobs_"), [("3", 3), ("cpus", os.cpu_count()), ("0", 1), ("many", 1), ("9999", MOST_JOBS)]
)
def test_jobs(repo: Repository, said: str, jobs_: int) -> None:
    say(repo, "annex.jobs", said)
    assert jobs(repo.config) == jobs_
