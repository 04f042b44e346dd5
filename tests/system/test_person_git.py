"""A person's git at any moment: what is half done is waited for, never fought, and taken up when done."""

from pathlib import Path

import pytest

from tests.conftest import run_git

from .harness import Pair, eventually, head
from .worktree import read, write


def git_is_up_to_date(pair: Pair) -> None:
    """In step, and git's index written too: before that git refuses a checkout."""
    pair.settle()
    for folder in (pair.a, pair.b):
        eventually(lambda folder=folder: not run_git(folder, "status", "--porcelain"), "the index")


def fork(pair: Pair, name: str) -> None:
    """A branch `side` that changed a file otherwise than `main` did; `main` is checked out and in step."""
    write(pair.a, name, b"base\n")
    git_is_up_to_date(pair)
    run_git(pair.a, "checkout", "-q", "-b", f"side-{name}")
    write(pair.a, name, b"theirs\n")
    run_git(pair.a, "commit", "-q", "-a", "-m", "theirs", check=False)
    eventually(lambda: run_git(pair.a, "show", f"side-{name}:{name}") == b"theirs\n", "its commit")
    eventually(lambda: not run_git(pair.a, "status", "--porcelain"), "the index")
    run_git(pair.a, "checkout", "-q", "main")
    write(pair.a, name, b"ours\n")
    git_is_up_to_date(pair)


def attention(pair: Pair) -> list[str]:
    return [item["code"] for item in pair.status(pair.a)["attention"] if item["severity"] == "attention"]


STOPPING = {
    "merge": ("merge", "side-{}"),
    "rebase": ("rebase", "side-{}"),
    "cherry-pick": ("cherry-pick", "side-{}"),
    "revert": ("revert", "--no-edit", "main~1"),
}


@pytest.mark.parametrize("command", STOPPING)
def test_what_is_half_done_is_waited_for(running: Pair, command: str) -> None:  # I1 I27 I29
    pair, name = running, f"{command}.txt"
    fork(pair, name)
    if command == "revert":  # what is reverted was changed again
        write(pair.a, name, b"ours again\n")
        git_is_up_to_date(pair)
    run_git(pair.a, *(word.format(name) for word in STOPPING[command]), check=False)
    eventually(lambda: attention(pair) == ["half-done"], "the condition")
    index = run_git(pair.a, "ls-files", "--stage")
    pair.wait_not(pair.a)
    markers, tip = read(pair.a, name), run_git(pair.a, "rev-parse", "main")
    assert markers is not None
    assert b"<<<<<<<" in markers
    write(pair.b, f"{command} of b", b"meanwhile\n")
    eventually(lambda: not pair.status(pair.b)["in_step"], "the other side knows")
    write(pair.a, f"{command} of a", b"meanwhile\n")
    assert (read(pair.a, name), run_git(pair.a, "ls-files", "--stage")) == (markers, index)
    assert read(pair.a, f"{command} of b") is None
    assert run_git(pair.a, "rev-parse", "main") == tip
    write(pair.a, name, b"resolved\n")
    run_git(pair.a, "add", name)
    run_git(pair.a, "-c", "core.editor=true", command, "--continue")
    eventually(lambda: read(pair.b, name) == b"resolved\n", "the resolution on the other side")
    pair.assert_equal()
    assert read(pair.a, f"{command} of b") == read(pair.b, f"{command} of a") == b"meanwhile\n"
    assert head(pair.a) == head(pair.b)
    assert attention(pair) == []


def test_a_merge_that_takes_its_time_is_waited_for(running: Pair) -> None:  # I27
    """Its work tree and its index are there, HEAD is not: what it brought is no edit of the person's."""
    pair = running
    write(pair.a, "kept", b"kept\n")
    git_is_up_to_date(pair)
    blob = run_git(pair.a, "hash-object", "-w", "--stdin", input=b"brought\n").strip()
    tree = run_git(pair.a, "mktree", input=b"100644 blob %b\tbrought\n" % blob).strip()
    run_git(pair.a, "branch", "side", run_git(pair.a, "commit-tree", "-m", "side", tree).strip())
    hook = pair.a / ".git/hooks/pre-merge-commit"
    hook.write_text("#!/bin/sh\ntest -e brought && sleep 5\n")
    hook.chmod(0o755)
    before = run_git(pair.a, "rev-parse", "main")
    run_git(pair.a, "merge", "-q", "--no-edit", "--allow-unrelated-histories", "side")
    eventually(lambda: read(pair.b, "brought") == b"brought\n", "what it brought")
    pair.assert_equal()
    made = run_git(pair.a, "log", "--format=%s", b"%b..main" % before.strip()).splitlines()
    assert made == [b"Merge branch 'side'", b"side"]


def test_a_detached_head_is_waited_for(running: Pair) -> None:  # I1 I27 I29
    pair = running
    write(pair.a, "earlier", b"0\n")  # the commit before, if this test is the first
    pair.settle()
    write(pair.a, "seen", b"1\n")
    git_is_up_to_date(pair)
    run_git(pair.a, "checkout", "-q", "--detach", "HEAD~1")
    eventually(lambda: attention(pair) == ["branch-detached"], "the condition")
    write(pair.b, "made meanwhile", b"b\n")
    pair.wait_not(pair.a)
    before = head(pair.a)
    assert (read(pair.a, "seen"), read(pair.a, "made meanwhile")) == (None, None)
    run_git(pair.a, "checkout", "-q", "main")
    eventually(lambda: read(pair.a, "made meanwhile") == b"b\n", "what came meanwhile")
    pair.assert_equal()
    assert read(pair.a, "seen") == b"1\n"
    assert before != head(pair.a)
    assert attention(pair) == []


def folder_with_history(folder: Path) -> None:
    """A git repository with two commits on `trunk`."""
    folder.mkdir()
    run_git(folder, "init", "-q", "-b", "trunk")
    for text in ("one", "two"):
        write(folder, "file", text.encode())
        run_git(folder, "add", "file")
        run_git(folder, "commit", "-q", "-m", text)


def test_adopted_while_it_is_detached(pair: Pair) -> None:  # I27 I29
    folder_with_history(pair.a)
    run_git(pair.a, "checkout", "-q", "HEAD~1")
    done = pair.instep("up", pair.a, pair.b)
    assert "No branch is checked out" in done.out
    assert run_git(pair.b, "symbolic-ref", "--short", "HEAD") == b"trunk\n"
    write(pair.a, "edited", b"while detached\n")
    pair.wait_not(pair.a)
    assert read(pair.b, "edited") is None
    run_git(pair.a, "checkout", "-q", "trunk")
    pair.assert_equal()
    assert (read(pair.b, "file"), read(pair.b, "edited")) == (b"two", b"while detached\n")


def test_adopted_in_the_middle_of_a_bisection(pair: Pair) -> None:  # I27 I29
    folder_with_history(pair.a)
    run_git(pair.a, "bisect", "start")
    run_git(pair.a, "bisect", "bad")
    run_git(pair.a, "bisect", "good", "HEAD~1")
    assert "a bisection" in pair.instep("up", pair.a, pair.b).out
    run_git(pair.a, "bisect", "reset")
    pair.assert_equal()
    assert read(pair.b, "file") == b"two"
