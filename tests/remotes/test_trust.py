"""Which refs a peer may move."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instep.remotes.trust import may_move


@pytest.mark.parametrize(
    "ref",
    ["refs/heads/git-annex", "refs/heads/synced/main", "refs/heads/synced/git-annex", "refs/heads/main"],
)
def test_the_folders_own_refs(ref: str) -> None:
    assert may_move(ref, "main")


@pytest.mark.parametrize(
    "ref",
    [
        "", "main", "HEAD", "refs/heads/", "refs/heads/other", "refs/heads/main/x", "refs/tags/synced/main",
        "refs/remotes/origin/main", "refs/heads/synced/", "refs/heads/synced", "refs/heads/synced/../main2",
        "refs/heads/synced/a..b", "refs/heads/synced/a.lock", "refs/heads/synced/a.lock/b",
        "refs/heads/synced/.a", "refs/heads/synced//a", "refs/heads/synced/a/", "refs/heads/synced/-a",
        "refs/heads/synced/a b", "refs/heads/synced/a\nb", "refs/heads/synced/a@{b", "refs/heads/synced/a\\b",
        "refs/heads/synced/a.",
    ],
)  # fmt: skip
def test_everything_else(ref: str) -> None:
    assert not may_move(ref, "main")


def test_a_detached_head_has_no_branch_to_move() -> None:
    assert not may_move("refs/heads/", "")
    assert may_move("refs/heads/git-annex", "")


@settings(max_examples=40)
@given(st.lists(st.sampled_from([*"a./@{-~^:?*[\\ \x7f\n", ".lock"]), max_size=6).map("".join))
def test_nothing_that_git_refuses(rest: str) -> None:
    ref = f"refs/heads/synced/{rest}"
    if may_move(ref, "main"):
        subprocess.run(["git", "check-ref-format", ref], check=True)
