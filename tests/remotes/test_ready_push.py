"""A push to a receive-pack that waits: what git itself would have made of it, or left to git."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from instep.core.types import Oid
from instep.git.repository import Repository
from instep.git.travel import Verdict
from instep.remotes.ready_push import ReadyPush
from tests.conftest import run_git

MAIN = "refs/heads/main"
SYNCED = "refs/heads/synced/main"


class Two:
    """A repository here with a commit that is there too, and one over there."""

    def __init__(self, top: Path, object_format: str = "sha1") -> None:
        self.here, self.there = top / "here", top / "there.git"
        form = f"--object-format={object_format}"
        run_git(top, "init", "-q", "-b", "main", form, "here")
        run_git(top, "init", "-q", "-b", "main", form, "--bare", "there.git")
        run_git(self.here, "remote", "add", "far", str(self.there))
        self.commit("first")
        run_git(self.here, "push", "-q", "far", "main")
        self.ours = Repository.open(self.here)
        self.pushing = ReadyPush(self.ours, "far", ["git", "receive-pack", str(self.there)])

    def commit(self, name: str, *words: str) -> Oid:
        (self.here / name).write_text(name)
        run_git(self.here, "add", ".")
        run_git(self.here, "commit", "-q", "-m", name, *words)
        return self.oid(self.here, "main")

    def oid(self, repository: Path, ref: str) -> Oid:
        return Oid(bytes.fromhex(run_git(repository, "rev-parse", ref).decode().strip()))

    def close(self) -> None:
        self.pushing.close()
        self.ours.close()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    two = Two(tmp_path)
    yield two
    two.close()


def verdict(two: Two, ref: str, oid: Oid) -> Verdict | None:
    """None: it is left to git."""
    done = two.pushing.push({ref: oid})
    return None if done is None else done[ref].verdict


def test_moves_go_forward_and_new_refs_are_made(two: Two) -> None:
    for name in ("deep/second", "third"):
        (two.here / "deep").mkdir(exist_ok=True)
        new = two.commit(name)
        done = two.pushing.push({MAIN: new, SYNCED: new})
        assert done is not None
        assert [pushed.verdict for pushed in done.values()] == [Verdict.DONE] * 2
        assert two.oid(two.there, MAIN) == two.oid(two.there, SYNCED) == new
        assert two.oid(two.here, "refs/remotes/far/main") == new
    run_git(two.there, "fsck", "--strict")


def test_what_is_there_already_is_done(two: Two) -> None:
    assert verdict(two, MAIN, two.oid(two.here, "main")) is Verdict.DONE


def test_repositories_of_the_other_hash(tmp_path: Path) -> None:
    two = Two(tmp_path, "sha256")
    new = two.commit("second")
    assert verdict(two, MAIN, new) is Verdict.DONE
    assert two.oid(two.there, MAIN) == new
    two.close()


def test_who_was_overtaken_moves_nothing(two: Two) -> None:  # I15 I19
    theirs = two.commit("theirs")
    run_git(two.here, "push", "-q", "far", "main:wait")
    assert verdict(two, SYNCED, theirs) is Verdict.DONE  # and the next one waits, and knows where main is
    run_git(two.here, "reset", "-q", "--hard", "HEAD^")
    ours = two.commit("ours")
    two.pushing.where({})
    run_git(two.there, "update-ref", MAIN, theirs.hex())
    assert verdict(two, MAIN, ours) is Verdict.OVERTAKEN
    assert two.oid(two.there, MAIN) == theirs


def test_after_a_look_one_waits_that_knows(two: Two) -> None:
    theirs = two.commit("theirs")
    assert verdict(two, SYNCED, theirs) is Verdict.DONE
    run_git(two.there, "update-ref", MAIN, theirs.hex())
    two.pushing.where({MAIN: theirs})
    ours = two.commit("ours")
    assert verdict(two, MAIN, ours) is Verdict.DONE


def test_what_does_not_go_forward_is_left_to_git(two: Two) -> None:
    new = two.commit("other", "--amend")
    assert verdict(two, MAIN, new) is None
    assert two.oid(two.there, MAIN) != new


def test_a_first_push_and_a_long_one_are_left_to_git(two: Two, tmp_path: Path) -> None:
    for n in range(70):
        two.commit(str(n))
    assert verdict(two, MAIN, two.oid(two.here, "main")) is None
    run_git(two.there, "update-ref", "-d", MAIN)
    two.pushing.where({MAIN: two.oid(two.here, "main")})
    assert verdict(two, MAIN, two.oid(two.here, "main")) is None


def test_a_hook_there_is_heard(two: Two) -> None:
    hook = two.there / "hooks/update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ncase $1 in */synced/*) echo noise; exit 1;; esac\n")
    hook.chmod(0o755)
    new = two.commit("second")
    done = two.pushing.push({MAIN: new, SYNCED: new})
    assert done is not None
    assert done[MAIN].verdict is Verdict.DONE
    assert done[SYNCED].verdict is Verdict.REFUSED
    assert "hook" in done[SYNCED].words


def test_one_that_died_while_it_waited_is_made_good(two: Two) -> None:  # I27
    assert verdict(two, MAIN, two.commit("second")) is Verdict.DONE
    two.pushing.where({})
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        if waits(int(pid), two.there):
            os.kill(int(pid), 9)
    third = two.commit("third")
    assert verdict(two, MAIN, third) is None
    assert verdict(two, MAIN, third) is Verdict.DONE


def waits(pid: int, there: Path) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"receive-pack" in words and os.fsencode(there) in words


@pytest.mark.parametrize("said", ["welcome", "0000", "zzzz", "00", "ffff"])
def test_noise_is_left_to_git(two: Two, said: str) -> None:
    pushing = ReadyPush(two.ours, "far", ["sh", "-c", f"echo {said}; exec cat >/dev/null"])
    assert pushing.push({MAIN: two.commit("second")}) is None
    pushing.close()
