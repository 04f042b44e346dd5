"""Packs from one repository to another, and what a receiver must refuse."""

import os
from pathlib import Path

import pytest

from instep.core.types import Object, Oid
from instep.git.errors import GitError
from instep.git.packs import PackReceiver, check_connected, pack_between
from instep.git.refs import RefUpdate
from instep.git.repository import Repository
from tests.conftest import GitRunner, RepositoryMaker
from tests.git.conftest import commit, commit_objects


@pytest.fixture
def other(any_repo: Repository, plain_repository: RepositoryMaker) -> Repository:
    return Repository.open(plain_repository("other", object_format=any_repo.format.name))


def _left_over(repo: Repository) -> list[Path]:
    """Temporary files, git's and ours."""
    top = Path(os.fsdecode(repo.git_dir))
    return [*top.rglob("tmp_*"), *(top / "instep").rglob("incoming*")]


def _receive(repo: Repository, *chunks: bytes) -> None:
    receiver = PackReceiver(repo)
    for chunk in chunks:
        receiver.feed(chunk)
    receiver.finish()


def test_catching_up(any_repo: Repository, other: Repository, git: GitRunner) -> None:
    files = {b"d/%d" % number: b"%d\n" % number * 500 for number in range(300)}
    one = commit(any_repo, files)
    two = commit(any_repo, {b"d/7": b"7\n" * 500 + b"more"}, [one])
    _receive(other, *pack_between(any_repo, [one], []))
    assert check_connected(other, [one])
    assert not check_connected(other, [two])
    other.refs.update([RefUpdate("refs/heads/main", one, None)], "r")
    thin = b"".join(pack_between(any_repo, [two], [one, Oid(b"x" * len(one))]))
    assert len(thin) < 2000
    _receive(other, *(thin[at : at + 100] for at in range(0, len(thin), 100)))
    assert check_connected(other, [one, two])
    other.refs.update([RefUpdate("refs/heads/main", two, one)], "r")
    git(other.root.decode(), "fsck", "--strict")
    assert _left_over(other) == []


def test_damaged_pack_is_refused(any_repo: Repository, other: Repository) -> None:
    one = commit(any_repo, {b"a": b"text"})
    pack = b"".join(pack_between(any_repo, [one], []))
    torn = bytearray(pack)
    torn[len(pack) // 2] ^= 1
    for bad in (bytes(torn), pack[:-1], b"", b"nonsense" * 100000):
        with pytest.raises(GitError, match="pack was refused"):
            _receive(other, bad)
    assert not other.objects.has(one)
    assert _left_over(other) == []


@pytest.mark.parametrize("name", [b".git", b".GIT", b"..", b"a/b", b"git~1"])
def test_bad_names_are_refused(any_repo: Repository, other: Repository, name: bytes) -> None:
    data = b"100644 %b\0%b" % (name, any_repo.format.hash(b"blob", b"x"))
    tree = any_repo.format.hash(b"tree", data)
    blob = any_repo.format.hash(b"blob", b"x")
    any_repo.objects.write({blob: Object(b"blob", b"x"), tree: Object(b"tree", data)})
    with pytest.raises(GitError, match="refused"):
        _receive(other, *pack_between(any_repo, [tree], []))


def test_old_sins_are_forgiven(repo: Repository, plain_repository: RepositoryMaker) -> None:
    blob = repo.format.hash(b"blob", b"x")
    data = b"0100644 f\0" + blob
    tree = repo.format.hash(b"tree", data)
    made = b"tree %b\nauthor A 1 +0000\ncommitter A <> 1 +00000\n\n" % tree.hex().encode()
    top = repo.format.hash(b"commit", made)
    objects = {blob: Object(b"blob", b"x"), tree: Object(b"tree", data), top: Object(b"commit", made)}
    repo.objects.write(objects)
    other = Repository.open(plain_repository("other"))
    _receive(other, *pack_between(repo, [top], []))
    assert check_connected(other, [top])


def test_pack_with_holes_is_refused(any_repo: Repository, other: Repository) -> None:
    one, objects = commit_objects(any_repo, {b"a": b"text", b"b": b"other"})
    any_repo.objects.write(objects)
    lines = b"".join(oid.hex().encode() + b"\n" for oid, item in objects.items() if item.data != b"text")
    pack = any_repo.run("pack-objects", "--stdout", "-q", input=lines)
    with pytest.raises(GitError, match="refused"):
        _receive(other, pack)
    assert not check_connected(other, [one])


def test_what_can_not_be_packed(any_repo: Repository) -> None:
    with pytest.raises(GitError):
        list(pack_between(any_repo, [Oid(b"x" * any_repo.format.oid_bytes)], []))


def test_abandoned(any_repo: Repository) -> None:
    one = commit(any_repo, {b"a": os.urandom(1 << 20)})
    stream = pack_between(any_repo, [one], [])
    receiver = PackReceiver(any_repo)
    receiver.feed(next(stream))
    stream.close()
    receiver.abort()
    receiver.abort()
    assert _left_over(any_repo) == []
