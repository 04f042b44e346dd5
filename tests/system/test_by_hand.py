"""A person uses git in a folder that is kept in step."""

from pathlib import Path

from tests.conftest import PERSON, run_git

from .harness import Pair, eventually, head
from .worktree import read, write


def git(folder: Path, *words: str) -> None:
    """A git command of the person's."""
    run_git(folder, *PERSON, *words)


def settle(pair: Pair) -> None:
    """In step, and git's index written too: before that git refuses a checkout."""
    pair.settle()
    eventually(lambda: not run_git(pair.a, "status", "--porcelain"), "the index")


def test_switching_branches_leaves_each_as_it_was(running: Pair) -> None:  # I27
    """What a checkout does to the work tree is never committed to the branch that it leaves."""
    for n in range(20):
        write(running.a, f"both/{n}", b"%d\n" % n)
    settle(running)
    git(running.a, "checkout", "-q", "-b", "side")
    write(running.a, "side.txt", b"side\n")
    eventually(lambda: b"side.txt" in run_git(running.a, "ls-tree", "--name-only", "side"), "its commit")
    eventually(lambda: not run_git(running.a, "status", "--porcelain"), "the index")
    commits = run_git(running.a, "rev-parse", "main", "side")
    for _ in range(8):
        git(running.a, "checkout", "-q", "main")
        git(running.a, "checkout", "-q", "side")
    git(running.a, "checkout", "-q", "main")
    running.assert_equal()
    assert run_git(running.a, "rev-parse", "main", "side") == commits
    git(running.a, "merge", "-q", "side")
    eventually(lambda: read(running.b, "side.txt") == b"side\n", "what was on the other branch")
    running.assert_equal()


def test_a_branch_moved_back_by_hand_comes_forward_again(running: Pair) -> None:  # I1 I13 I29
    """The other folder has the commit still: nothing but a commit takes something back."""
    for n in range(3):
        write(running.a, "x.txt", b"%d\n" % n)
        running.settle()
    settle(running)
    git(running.a, "reset", "-q", "--hard", "HEAD~1")
    eventually(lambda: read(running.a, "x.txt") == b"2\n", "the newest version")
    running.assert_equal()
    eventually(lambda: head(running.a) == head(running.b), "one head")


def test_a_clean_stop_leaves_nothing_unwritten(pair: Pair) -> None:  # I11 I27 I30
    pair.up()
    write(pair.a, "film.bin", b"\0film" * 30_000)
    write(pair.a, "note.txt", b"note\n")
    pair.wait(pair.a)
    pair.down()  # before anything that is written late was due
    for folder in (pair.a, pair.b):
        assert run_git(folder, "status", "--porcelain") == b""
        assert run_git(folder, "annex", "find", "--in=here") == b"film.bin\n"
