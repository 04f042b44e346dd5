"""Folders that meet only where no instep runs: in a bare repository."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PERSON, run_git

from .harness import Pair, eventually
from .silence import assert_whole
from .worktree import differences, read, write

LARGE = 200_000
"""More than 64 kB: annexed in a new folder."""


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    run_git(tmp_path, "init", "-q", "--bare", "hub.git")
    return tmp_path / "hub.git"


@pytest.fixture
def apart(tmp_path: Path, hub: Path) -> Iterator[Pair]:
    """A and B, which know only the hub."""
    with Pair(tmp_path) as pair:
        for folder in (pair.a, pair.b):
            pair.instep("up", folder, hub)
        yield pair


def refs(repository: Path) -> dict[str, str]:
    """Branches and where they stand."""
    lines = run_git(repository, "for-each-ref", "--format=%(refname) %(objectname)").decode().splitlines()
    return dict(line.split(" ") for line in lines)


def settle(pair: Pair) -> None:
    """Until A and B are in step with the hub, and so with each other."""
    eventually(lambda: (pair.wait(), not differences(pair.a, pair.b))[1], "equal trees")


def test_two_folders_that_meet_in_a_bare_repository_stay_in_step(apart: Pair, hub: Path) -> None:
    # I13 I16 I30
    write(apart.a, "note.txt", b"one\n")
    write(apart.a, "deep/large.bin", bytes(range(256)) * (LARGE // 256))
    settle(apart)
    assert read(apart.b, "deep/large.bin") == bytes(range(256)) * (LARGE // 256)
    write(apart.b, "note.txt", b"one\ntwo\n")
    write(apart.b, "other.bin", b"other" * LARGE)
    settle(apart)
    assert read(apart.a, "note.txt") == b"one\ntwo\n"
    assert read(apart.a, "other.bin") == b"other" * LARGE
    _assert_silent(apart, hub)
    apart.down()
    _assert_sound(hub)
    whereis = run_git(apart.a, *PERSON, "annex", "whereis", "--all").decode()
    assert whereis.count("(3 copies)") == 2, whereis


def _assert_silent(pair: Pair, hub: Path) -> None:
    """What was said once is not said again: neither commits nor pushes without a change. # I13 I28"""
    for _ in range(3):
        settle(pair)
    before = refs(hub), refs(pair.a), refs(pair.b)
    for folder in (pair.a, pair.b):
        assert pair.status(folder)["in_step"], pair.status(folder)
    settle(pair)
    assert (refs(hub), refs(pair.a), refs(pair.b)) == before


def _assert_sound(repository: Path) -> None:
    assert_whole(repository)
    run_git(repository, *PERSON, "annex", "fsck", "--all", "--quiet")


def test_edits_on_both_sides_meet_in_the_hub(apart: Pair, hub: Path) -> None:  # I5 I14 I19
    """Who pushes second is refused, merges, and pushes again; pushes of both at once get through."""
    write(apart.a, "start.txt", b"start\n")
    settle(apart)
    for n in range(15):
        write(apart.a, f"a/{n}.txt", b"from a %d\n" % n)
        write(apart.b, f"b/{n}.txt", b"from b %d\n" % n)
    settle(apart)
    assert len(list((apart.a / "b").iterdir())) == 15
    heads = refs(hub)
    assert heads["refs/heads/main"] == refs(apart.a)["refs/heads/main"] == refs(apart.b)["refs/heads/main"]


def test_changes_are_heard_when_refs_are_packed(apart: Pair, hub: Path) -> None:  # I15
    write(apart.a, "one.txt", b"one\n")
    settle(apart)
    run_git(hub, "pack-refs", "--all")
    write(apart.a, "two.txt", b"two\n")
    settle(apart)
    run_git(hub, "pack-refs", "--all")
    write(apart.b, "three.txt", b"three\n")
    settle(apart)
    assert read(apart.a, "three.txt") == b"three\n"


def test_a_persons_own_push_is_heard_and_merged(apart: Pair, hub: Path, tmp_path: Path) -> None:
    write(apart.a, "one.txt", b"one\n")
    settle(apart)
    run_git(tmp_path, "clone", "-q", "-b", "main", str(hub), "person")
    write(tmp_path / "person", "theirs.txt", b"by hand\n")
    run_git(tmp_path / "person", "add", "theirs.txt")
    run_git(tmp_path / "person", *PERSON, "commit", "-q", "-m", "by hand")
    run_git(tmp_path / "person", "push", "-q", "origin", "main")
    eventually(lambda: read(apart.b, "theirs.txt") == b"by hand\n", "the push of a person")
    settle(apart)


def test_a_bare_repository_without_an_annex_takes_no_content_and_that_is_said(
    tmp_path: Path, hub: Path
) -> None:  # I29
    with Pair(tmp_path) as pair:
        run_git(tmp_path, "init", "-q", "-b", "main", "a")
        run_git(pair.a, "remote", "add", "plain", str(hub))
        pair.instep("up", pair.a)
        write(pair.a, "large.bin", b"large" * LARGE)
        write(pair.a, "small.txt", b"small\n")
        eventually(lambda: run_git(hub, "ls-tree", "main", "small.txt", check=False), "the push")
        eventually(lambda: pair.status(pair.a)["in_step"], "in step")
        status = pair.status(pair.a)
        assert [item["code"] for item in status["attention"]] == ["remote-without-annex"]
        assert not list(hub.glob("annex/objects/*"))


def test_a_hub_that_is_away_is_named_and_taken_up_again(apart: Pair, hub: Path) -> None:  # I25 I29
    write(apart.a, "one.txt", b"one\n")
    settle(apart)
    away = hub.with_name("away.git")
    hub.rename(away)
    write(apart.a, "two.txt", b"two\n")

    def is_missed() -> bool:
        [remote] = apart.status(apart.a)["remotes"]
        return not remote["reachable"] and not remote["in_step"] and bool(remote["reason"])

    eventually(is_missed, "the hub is missed")
    away.rename(hub)
    eventually(lambda: read(apart.b, "two.txt") == b"two\n", "what was made meanwhile")
    settle(apart)


def test_a_remote_is_given_the_content_that_it_wants(apart: Pair, hub: Path) -> None:  # I22 I29
    """As stock git-annex would give it, which finds nothing to add; and whatever is wanted from then on."""
    run_git(apart.a, "annex", "wanted", "-q", "hub.git", "balanced=nobody:1")
    eventually(lambda: not apart.status(apart.a)["in_step"], "that the wish is not understood is said")
    write(apart.a, "photo.jpg", b"photo" * LARGE)
    write(apart.a, "disk.iso", b"disk" * LARGE)
    eventually(lambda: read(apart.b, "disk.iso") and read(apart.b, "photo.jpg"), "the names get there")
    assert annexed(hub) == set()
    run_git(apart.a, "annex", "wanted", "-q", "hub.git", "include=*.jpg")
    photo, disk = keys(apart.a, "photo.jpg", "disk.iso")
    eventually(lambda: annexed(hub) == {photo}, "what it wants")
    apart.wait(apart.a)
    run_git(apart.a, "annex", "copy", "-q", "--auto", "--to", "hub.git")
    assert annexed(hub) == {photo}
    run_git(apart.a, "annex", "wanted", "-q", "hub.git", "")
    eventually(lambda: annexed(hub) == {photo, disk}, "what it wants now")
    settle(apart)


def keys(folder: Path, *names: str) -> list[str]:
    """Which contents the branch names."""
    pointers = [run_git(folder, "cat-file", "blob", f"HEAD:{name}").decode() for name in names]
    return [pointer.strip().rpartition("/")[2] for pointer in pointers]


def annexed(repository: Path) -> set[str]:
    """The keys of which the content is there."""
    return {path.name for path in (repository / "annex/objects").glob("*/*/*/*") if path.is_file()}
