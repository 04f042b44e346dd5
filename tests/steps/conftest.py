"""Folders for the steps: copies of one repository that `git annex init` made once a session."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import run_git
from tests.steps.side import Side, SideMaker

UUID = re.compile(r"^\tuuid = .*$", re.MULTILINE)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An annexed repository without a commit on its branch."""
    folder = tmp_path_factory.mktemp("template") / "repository"
    run_git(folder.parent, "init", "-q", "-b", "main", folder.name)
    run_git(folder, "annex", "init", "-q", "ours")
    for setting in ("annex.largefiles=largerthan=1kb", "annex.addunlocked=true", "core.fsync=none"):
        run_git(folder, "config", *setting.split("=", 1))
    return folder


@pytest.fixture
def side(template: Path, tmp_path: Path) -> Iterator[SideMaker]:
    """Makes folders that know nothing of one another; each with its own uuid."""
    made: dict[str, Side] = {}

    def make(name: str = "a") -> Side:
        folder = tmp_path / name
        if name in made:  # again: the process died, and another one starts
            made[name].close()
        else:
            shutil.copytree(template, folder, symlinks=True)
            config = folder / ".git/config"
            uuid = f"\tuuid = {len(made) + 1:08x}-1111-4111-8111-111111111111"
            config.write_text(UUID.sub(uuid, config.read_text()))
        made[name] = Side.open(folder)
        return made[name]

    yield make
    for one in made.values():
        one.close()


@pytest.fixture
def a(side: SideMaker) -> Side:
    """One folder."""
    return side("a")


@pytest.fixture
def b(side: SideMaker) -> Side:
    """Another one."""
    return side("b")
