"""The other side is stock git-annex: its assistant, and a person's commands on both sides."""

from pathlib import Path

from tests.conftest import run_git

from .harness import Pair, eventually
from .silence import assert_whole
from .stock import assistant_in, clone, fall_silent, refs
from .worktree import differences, read, write

LARGE = 200_000


def person(folder: Path, *words: str) -> None:
    """A command of a person who has told git a name."""
    run_git(folder, "-c", "user.name=Person", "-c", "user.email=person@example.org", *words)


def settle(pair: Pair) -> None:
    """Until both folders are equal, and A says that it is in step."""

    def settled() -> bool:
        pair.instep("wait", "--timeout", "20", pair.a, check=False, limit_s=40)
        return not differences(pair.a, pair.b) and pair.status(pair.a)["in_step"]

    eventually(settled, "in step with stock git-annex")


def test_the_assistant_is_a_full_peer(pair: Pair) -> None:  # I1 I13 I16 I29 I30
    """Edits on both sides, content included; then a person's commands; then silence; then all is sound."""
    write(pair.a, "note.txt", b"one\n")
    write(pair.a, "large.bin", b"l" * LARGE)
    pair.instep("up", pair.a)
    pair.wait(pair.a)
    clone(pair.a, pair.b)
    with assistant_in(pair.b):
        pair.instep("up", pair.a, pair.b)
        settle(pair)
        write(pair.a, "from a/second.bin", b"s" * LARGE)
        write(pair.a, "a.txt", b"from a\n")
        write(pair.b, "third.bin", b"t" * LARGE)
        write(pair.b, "note.txt", b"one\ntwo\n")
        eventually(lambda: read(pair.a, "third.bin") == b"t" * LARGE, "content from the assistant")
        eventually(lambda: read(pair.b, "from a/second.bin") == b"s" * LARGE, "content to the assistant")
        settle(pair)
        assert read(pair.a, "note.txt") == b"one\ntwo\n"
        fall_silent(pair.a, pair.b)
        settle(pair)
    pair.instep("down", pair.a)
    for folder in (pair.a, pair.b):
        assert_whole(folder)
        person(folder, "annex", "fsck", "--quiet")
        person(folder, "annex", "sync")


def test_a_clone_kept_by_hand_is_pushed_to_and_its_files_left_alone(pair: Pair) -> None:  # I13 I16 I29 I30
    write(pair.a, "note.txt", b"one\n")
    write(pair.a, "large.bin", b"l" * LARGE)
    pair.instep("up", pair.a)
    pair.wait(pair.a)
    clone(pair.a, pair.b)
    run_git(pair.b, "config", "receive.denyCurrentBranch", "refuse")
    run_git(pair.a, "remote", "add", "b", str(pair.b))
    stood = refs(pair.b)["refs/heads/main"]
    write(pair.a, "second.bin", b"s" * LARGE)
    eventually(lambda: "second.bin" in _names(pair.b, "synced/main"), "the push")
    pair.instep("wait", "--timeout", "30", "--remote", "b", pair.a)
    assert pair.status(pair.a)["in_step"]
    assert refs(pair.b)["refs/heads/main"] == stood
    assert not (pair.b / "second.bin").exists()
    person(pair.b, "annex", "sync")
    assert read(pair.b, "second.bin") == b"s" * LARGE  # the content was there before
    write(pair.b, "third.bin", b"t" * LARGE)
    person(pair.b, "annex", "add", "-q", ".")
    person(pair.b, "annex", "sync")
    eventually(lambda: read(pair.a, "third.bin") == b"t" * LARGE, "what was synced by hand")
    for command in (("lock", "note.txt", "large.bin"), ("unlock", "large.bin"), ("drop", "second.bin")):
        person(pair.b, "annex", *command)
    person(pair.b, "annex", "sync")
    person(pair.b, "annex", "get", "second.bin")
    person(pair.b, "annex", "sync")
    settle(pair)
    fall_silent(pair.a, pair.b, quiet_s=1.0)
    settle(pair)
    pair.instep("down", pair.a)
    for folder in (pair.a, pair.b):
        assert_whole(folder)
        person(folder, "annex", "fsck", "--quiet")


def _names(folder: Path, branch: str) -> str:
    return run_git(folder, "ls-tree", "-r", "--name-only", branch, check=False).decode()
