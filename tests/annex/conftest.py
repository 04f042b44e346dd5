"""git-annex repositories that both instep and git-annex itself work on."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from instep.annex.launcher import find_launcher
from instep.git.repository import Repository
from tests.conftest import run_git

AnnexRunner = Callable[..., bytes]
"""`annex(folder, *args, input=b"")` gives standard output; a complaint is an AnnexError."""


@pytest.fixture
def annex() -> AnnexRunner:
    """Runs git-annex itself, as a person would who has told git a name."""

    def run(folder: Path, *args: str | bytes, input: bytes = b"") -> bytes:
        names = {"GIT_AUTHOR_NAME": "T", "GIT_AUTHOR_EMAIL": "t@x"}
        names |= {"GIT_COMMITTER_NAME": "T", "GIT_COMMITTER_EMAIL": "t@x"}
        return find_launcher().run(os.fsencode(folder), *args, input=input, environment=names)

    return run


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that `git annex init` made once, for all to copy."""
    folder = tmp_path_factory.mktemp("template") / "repository"
    run_git(folder.parent, "init", "-q", "-b", "main", folder.name)
    run_git(folder, "annex", "init", "-q", "ours")
    return folder


@pytest.fixture
def repo(template: Path, tmp_path: Path) -> Iterator[Repository]:
    """An annexed repository with git-annex's defaults, opened. All have the same uuid."""
    shutil.copytree(template, tmp_path / "ours", symlinks=True)
    repository = Repository.open(tmp_path / "ours")
    yield repository
    repository.close()


def show(repo: Repository, what: str) -> bytes:
    """What `git show` prints."""
    return run_git(os.fsdecode(repo.root), "show", what)
