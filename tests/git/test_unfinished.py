"""What a person has half done is known as git itself knows it, and which branch it is about (I27)."""

from pathlib import Path

import pytest

from instep.fs.gitdir import HALF_DONE
from instep.git.repository import Repository
from instep.git.unfinished import Unfinished, branch_of, unfinished
from tests.conftest import RepositoryMaker, run_git


@pytest.fixture
def forked(plain_repository: RepositoryMaker) -> Path:
    """On `main`, with a branch `other` that changed the same file."""
    folder = plain_repository()
    for how, text in ((["main"], "base"), (["-b", "other"], "theirs"), (["main"], "ours")):
        run_git(folder, "checkout", "-q", *how, check=text != "base")
        (folder / "file").write_text(text)
        run_git(folder, "add", "file")
        run_git(folder, "commit", "-q", "-m", text)
    return folder


def look(folder: Path) -> Unfinished | None:
    return unfinished(bytes(folder) + b"/.git")


def branch(folder: Path) -> str:
    return branch_of(bytes(folder) + b"/.git", Repository.open(folder).config)


BEGINNINGS = {
    "merge other": ("a merge", "git merge --abort"),
    "rebase other": ("a rebase", "git rebase --abort"),
    "rebase --apply other": ("a rebase", "git rebase --abort"),
    "cherry-pick other": ("a cherry-pick", "git cherry-pick --abort"),
    "revert --no-edit main~1": ("a revert", "git revert --abort"),
    "bisect start": ("a bisection", "git bisect reset"),
}
"""Commands that stop in the middle; what is under way then."""


@pytest.mark.parametrize("command", BEGINNINGS)
def test_what_is_under_way_is_named_until_it_is_given_up(forked: Path, command: str) -> None:
    what, way_out = BEGINNINGS[command]
    assert look(forked) is None
    before = set(names(forked))
    run_git(forked, *command.split(), check=False)
    assert look(forked) == (what, way_out)
    assert branch(forked) == "main"
    assert HALF_DONE & (set(names(forked)) - before), "its coming is an event that is reported"
    run_git(forked, *way_out.split()[1:])
    assert look(forked) is None


def names(folder: Path) -> list[bytes]:
    return [bytes(path.relative_to(folder / ".git")) for path in (folder / ".git").iterdir()]


def test_an_am_that_stopped(forked: Path) -> None:
    patch = run_git(forked, "format-patch", "--stdout", "-1", "other")
    run_git(forked, "am", input=patch, check=False)
    assert look(forked) == ("an am", "git am --abort")


def test_between_two_picks(forked: Path) -> None:
    """Only the list of what is still to be picked is left."""
    run_git(forked, "checkout", "-q", "-b", "third", "main~1")
    for name in ("one", "two"):
        run_git(forked, "checkout", "-q", "-b", name, "third")
        (forked / "file").write_text(name)
        run_git(forked, "commit", "-q", "-a", "-m", name)
    run_git(forked, "checkout", "-q", "main")
    run_git(forked, "cherry-pick", "one", "two", check=False)
    (forked / "file").write_text("resolved")
    run_git(forked, "commit", "-q", "-a", "-m", "resolved")
    found = look(forked)
    assert found is not None
    assert "cherry-pick" in found.what


def test_a_detached_head_and_where_it_was(forked: Path) -> None:
    run_git(forked, "checkout", "-q", "-b", "work/now")
    run_git(forked, "checkout", "-q", "--detach")
    run_git(forked, "checkout", "-q", "other~1")
    assert look(forked) == ("", "git switch BRANCH")
    assert branch(forked) == "work/now"


def test_a_head_that_was_never_elsewhere(forked: Path, tmp_path: Path) -> None:
    """As `git clone` leaves it where the other side was detached."""
    run_git(forked, "checkout", "-q", "--detach")
    run_git(tmp_path, "clone", "-q", str(forked), "copy")
    assert branch(tmp_path / "copy") == "main"


def test_a_branch_that_is_not_born_yet(plain_repository: RepositoryMaker) -> None:
    folder = plain_repository()
    assert look(folder) is None
    run_git(folder, "symbolic-ref", "HEAD", "refs/heads/not/yet")
    assert branch(folder) == "not/yet"
