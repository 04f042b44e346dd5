"""ADR 5: what peers were told of before the disk here refused it comes to be all the same."""

import errno
import os

import pytest

from instep.core.types import Oid
from instep.fs.durable import Batch
from instep.git.refs import RefMoved
from instep.steps.arrival import Arrival
from tests.steps.side import Side


def refused_once_told(a: Side, monkeypatch: pytest.MonkeyPatch) -> Oid:
    """`x` is committed and told to the peers, and then the disk is full: what they have."""
    a.save("start", "start")
    a.write("x", "1")
    told: list[Oid] = []
    monkeypatch.setattr(a.state, "tell_coming", lambda: told.append(a.state.coming or a.head))

    def full(batch: Batch) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk:
        disk.setattr(Batch, "sync", full)
        for _ in range(2):  # and once more while it is full still
            with pytest.raises(OSError, match="No space"):
                a.commit("x")
    (commit,) = told
    assert commit != a.head
    return commit


def test_what_was_told_before_the_disk_refused_it_comes_to_be(
    a: Side, monkeypatch: pytest.MonkeyPatch
) -> None:  # I17 I26
    commit = refused_once_told(a, monkeypatch)
    (a.folder / "x").unlink()
    assert a.commit("x").commit == commit == a.head
    assert a.commit("x").commit == a.head
    assert a.names() == ["start"], "a peer that has the commit learns that the file is deleted"
    assert a.state.repo.objects.commit(a.head).parents == (commit,)
    a.fsck()


def test_what_was_told_and_overtaken_is_merged(
    a: Side, b: Side, monkeypatch: pytest.MonkeyPatch
) -> None:  # I1 I26
    commit = refused_once_told(a, monkeypatch)
    b.save("y", "2")
    a.merge(b)
    assert a.commit("x").forks == [commit]
    assert commit in a.state.forks
    a.merger.merge(Arrival(commit, ""))
    a.commit("x")
    assert sorted(a.names()) == ["start", "x", "y"]
    a.fsck()


@pytest.mark.parametrize("now", [None, b"2"], ids=["deleted", "edited"])
def test_what_is_done_to_a_file_since_it_was_told_and_overtaken_stays_so(
    a: Side, b: Side, monkeypatch: pytest.MonkeyPatch, now: bytes | None
) -> None:  # I5 I17
    refused_once_told(a, monkeypatch)
    b.save("y", "2")
    a.merge(b)
    (a.folder / "x").unlink() if now is None else a.write("x", now)
    forks = a.commit("x").forks + a.commit("x").forks
    assert len(forks) == 2
    for fork in reversed(forks):
        a.merger.merge(Arrival(fork, ""))
    a.commit("x")
    assert sorted(a.names()) == (["start", "x", "y"] if now else ["start", "y"])
    assert (a.folder / "x").exists() == bool(now)
    assert not a.state.forks
    assert not a.state.lag
    a.fsck()


def test_what_was_told_outlives_a_commit_by_hand(a: Side, monkeypatch: pytest.MonkeyPatch) -> None:  # I26 I27
    commit = refused_once_told(a, monkeypatch)
    a.git("commit", "-q", "--allow-empty", "-m", "by hand")
    with pytest.raises(RefMoved):
        a.commit("x")
    a.committer.follow_branch()
    assert a.commit("x").forks == [commit]
