"""Refs go to another repository and come from it, each by itself; who is overtaken is told so."""

from pathlib import Path

import pytest

from instep.core.types import Oid
from instep.git.errors import GitError
from instep.git.repository import Repository
from instep.git.travel import Verdict, fetch, push, tracking_ref
from tests.conftest import PERSON, run_git

MAIN = "refs/heads/main"


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    run_git(tmp_path, "init", "-q", "--bare", "-b", "main", "hub.git")
    return tmp_path / "hub.git"


def clone(hub: Path, name: str) -> Repository:
    """An empty folder that has the hub as its remote `hub`."""
    folder = hub.parent / name
    run_git(hub.parent, "init", "-q", "-b", "main", name)
    run_git(folder, "remote", "add", "hub", str(hub))
    return Repository.open(folder)


def commit(repo: Repository, message: str) -> Oid:
    run_git(Path(repo.root.decode()), *PERSON, "commit", "-q", "--allow-empty", "-m", message)
    oid = repo.refs.read(MAIN)
    assert oid is not None
    return oid


def test_what_is_pushed_is_fetched_by_another(hub: Path) -> None:
    one, other = clone(hub, "one"), clone(hub, "other")
    tip = commit(one, "first")
    moves = {MAIN: tip, "refs/heads/synced/main": tip}
    assert {ref: pushed.verdict for ref, pushed in push(one, "hub", moves).items()} == {
        MAIN: Verdict.DONE,
        "refs/heads/synced/main": Verdict.DONE,
    }
    assert push(one, "hub", moves)[MAIN].verdict is Verdict.DONE  # there already
    fetch(other, "hub", [MAIN])
    assert other.refs.read(tracking_ref("hub", MAIN)) == tip
    assert other.objects.has(tip)


def test_who_is_overtaken_is_told_and_the_other_refs_move(hub: Path) -> None:  # I19
    one, other = clone(hub, "one"), clone(hub, "other")
    ours, theirs = commit(one, "first"), commit(other, "another first")
    push(one, "hub", {MAIN: ours})
    done = push(other, "hub", {MAIN: theirs, "refs/synced/UUID/main": theirs})
    assert (done[MAIN].verdict, done["refs/synced/UUID/main"].verdict) == (Verdict.OVERTAKEN, Verdict.DONE)
    assert run_git(hub, "rev-parse", MAIN).decode().strip() == ours.hex()


def test_a_hook_that_refuses_is_quoted(hub: Path) -> None:  # I29
    one = clone(hub, "one")
    ours = commit(one, "first")
    hook = hub / "hooks/update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    assert push(one, "hub", {MAIN: ours})[MAIN].verdict is Verdict.REFUSED
    assert push(one, "hub", {MAIN: ours})[MAIN].words == "hook declined"


def test_a_remote_that_is_gone_is_an_error(hub: Path) -> None:
    one = clone(hub, "one")
    ours = commit(one, "first")
    hub.rename(hub.with_name("elsewhere"))
    with pytest.raises(GitError):
        push(one, "hub", {MAIN: ours})
    with pytest.raises(GitError):
        fetch(one, "hub", [MAIN])
