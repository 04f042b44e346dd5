"""Making git-annex repositories, and telling which ones instep can't work with."""

import os
from pathlib import Path

import pytest

from instep.annex import launcher
from instep.annex.branch import AnnexBranch
from instep.annex.errors import AnnexError, AnnexMissing, NotAnnexed
from instep.annex.launcher import Launcher, find_launcher
from instep.annex.setup import check_supported, initialise, run_annex, uuid_of
from instep.git.repository import Repository
from tests.conftest import GitRunner, RepositoryMaker


def test_initialising(plain_repository: RepositoryMaker, git: GitRunner) -> None:
    repo = Repository.open(plain_repository())
    with pytest.raises(NotAnnexed):
        uuid_of(repo)
    uuid = initialise(repo, "Bürö disk")
    assert uuid_of(repo) == uuid
    assert AnnexBranch(repo).descriptions() == {uuid: "Bürö disk"}
    assert initialise(repo, "moved") == uuid
    assert AnnexBranch(repo).descriptions() == {uuid: "moved"}
    assert repo.config.get("user.name") is None
    assert git(Path(os.fsdecode(repo.root)), "log", "-1", "--format=%an", "git-annex") == b"instep\n"
    assert check_supported(repo) == []


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("annex.version", "7", "upgrade"),
        ("annex.version", "11", "Update instep"),
        ("annex.pidlock", "true", "annex.pidlock"),
        ("annex.tune.objecthash1", "true", "folder"),
        ("annex.private", "1", "annex.private"),
    ],
)
def test_what_instep_can_not_work_with(repo: Repository, name: str, value: str, word: str) -> None:
    assert check_supported(repo) == []
    repo.run("config", name, value)
    repo.config.reload()
    (problem,) = check_supported(repo)
    assert word in problem.fix
    assert problem.text.endswith(".")


def test_an_adjusted_branch(repo: Repository) -> None:
    repo.run("symbolic-ref", "HEAD", "refs/heads/adjusted/main(unlocked)")
    (problem,) = check_supported(repo)
    assert problem.fix == "Leave it: git switch main"


def test_what_git_annex_says_is_passed_on(repo: Repository) -> None:
    with pytest.raises(AnnexError, match="bad key"):
        run_annex(repo, "examinekey", "nonsense")
    with pytest.raises(AnnexError) as caught:
        run_annex(repo, "no-such-command")
    assert caught.value.status not in (0, None)


def test_the_launcher_finds_the_binary_of_the_wheel() -> None:
    found = find_launcher()
    assert os.access(found.binary, os.X_OK)
    assert found.version().startswith("10.")
    found.check()
    assert found.environment({"X": "y"})["X"] == "y"


def test_a_git_annex_that_is_too_old_or_broken(tmp_path: Path) -> None:
    old = tmp_path / "git-annex"
    old.write_text("#!/bin/sh\necho 8.20200101-1\n")
    old.chmod(0o755)
    with pytest.raises(AnnexMissing, match=r"8\.20200101-1 is too old"):
        Launcher(str(old)).check()
    with pytest.raises(AnnexMissing, match="can't be started"):
        Launcher(str(tmp_path / "none")).check()
    with pytest.raises(AnnexMissing, match="can't be started"):
        Launcher(str(tmp_path / "none")).run(b"/", "version")


def test_without_the_wheel_the_path_is_searched(tmp_path: Path) -> None:
    assert launcher.search(None, [str(tmp_path / "elsewhere")]) is None
    program = tmp_path / "git-annex"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert launcher.search(None, [str(tmp_path)]) == Launcher(str(program))
