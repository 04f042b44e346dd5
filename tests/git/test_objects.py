"""The object store: what it writes git can read, what git writes it can read."""

import os
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import pytest

from instep.core.types import MODE_FILE, SHA1, Entry, Object, Oid
from instep.fs.durable import Batch
from instep.git.errors import GitError, MissingObject
from instep.git.objects import MOST_LOOSE
from instep.git.repository import Repository
from tests.conftest import GitRunner
from tests.git.conftest import blob, commit, commit_objects


def _many(repo: Repository, count: int) -> dict[Oid, Object]:
    blobs = [Object(b"blob", b"%d" % number * 50) for number in range(count)]
    return {repo.format.hash(*item): item for item in blobs}


def test_written_loose(any_repo: Repository, git: GitRunner) -> None:
    top = any_repo.root.decode()
    oid, objects = commit_objects(any_repo, {b"d/f": b"hello\n", b"empty": b""})
    any_repo.objects.write(objects)
    assert git(top, "show", f"{oid.hex()}:d/f") == b"hello\n"
    git(top, "fsck", "--strict")
    for name in objects:
        mode = os.stat(any_repo.objects.loose.path(name)).st_mode
        assert stat.S_IMODE(mode) == 0o444
    assert os.listdir(any_repo.staging) == []


@pytest.mark.parametrize("count", [1, 60])
def test_what_does_not_shrink_is_stored_as_it_is(repo: Repository, git: GitRunner, count: int) -> None:
    contents = [Random(number).randbytes(4096) for number in range(count)] + [b"text " * 1000]
    objects = {SHA1.hash(b"blob", data): Object(b"blob", data) for data in contents}
    repo.objects.write(objects)
    asked = "".join(f"{oid.hex()}\n" for oid in objects).encode()
    sizes = git(repo.root.decode(), "cat-file", "--batch-check=%(objectsize) %(objectsize:disk)", input=asked)
    for line in sizes.splitlines():
        size, on_disk = map(int, line.split())
        assert on_disk < 300 if size == 5000 else size < on_disk < size + 64
    git(repo.root.decode(), "fsck", "--strict")
    assert [repo.objects.read(oid).data for oid in objects] == contents


def test_written_as_one_pack_that_a_running_git_finds(any_repo: Repository, git: GitRunner) -> None:
    store, top = any_repo.objects, any_repo.root.decode()
    assert store.resolve("HEAD") is None  # git runs
    files = {b"d%d/f%d" % (number % 7, number): b"%d" % number for number in range(MOST_LOOSE * 3)}
    oid, objects = commit_objects(any_repo, files)
    store.write(objects)
    packs_dir = any_repo.git_dir + b"/objects/pack"
    names = sorted(name for name in os.listdir(packs_dir) if not name.endswith(b".keep"))
    assert [os.path.splitext(name)[1] for name in names] == [b".idx", b".pack"]
    assert store.header(oid) == (oid, b"commit", len(objects[oid].data))
    git(top, "update-ref", "refs/heads/main", oid.hex())
    git(top, "fsck", "--strict", "--full")
    git(top, "verify-pack", packs_dir + b"/" + names[0])
    other = Repository.open(top).objects
    assert {name: other.read(name) for name in objects} == objects


@pytest.mark.parametrize("packed", [False, True])
def test_reading_what_git_wrote(any_repo: Repository, git: GitRunner, packed: bool) -> None:
    top = Path(any_repo.root.decode())
    (top / "f").write_bytes(b"data")
    git(top, "add", "f")
    git(top, "commit", "-q", "-m", "message")
    if packed:
        git(top, "gc", "-q")
    store = any_repo.objects
    head = store.resolve("HEAD")
    assert head is not None
    made = store.commit(head)
    assert made.message == b"message\n"
    data = any_repo.format.hash(b"blob", b"data")
    assert store.tree(made.tree) == {b"f": Entry(MODE_FILE, data)}
    assert store.read(data) == Object(b"blob", b"data")
    assert store.has(data)
    assert (store.small(data, 4), store.small(data, 3)) == (b"data", None)


def test_missing_and_mistaken(any_repo: Repository) -> None:
    store = any_repo.objects
    absent = any_repo.format.hash(b"blob", b"absent")
    asks: list[Callable[[Oid], object]] = [
        store.read,
        store.tree,
        store.commit,
        partial(store.small, most_bytes=1),
    ]
    for ask in asks:
        with pytest.raises(MissingObject, match=absent.hex()):
            ask(absent)
    assert not store.has(absent)
    for nonsense in ("", "a\nb", "nothing", "a b", "HEAD^{tree}"):
        assert store.resolve(nonsense) is None
    text = blob(any_repo, b"text")
    with pytest.raises(GitError, match="is a blob, not a tree"):
        store.tree(text)
    with pytest.raises(GitError, match="is a tree, not a blob"):
        store.small(commit_tree(any_repo), 1000)


def commit_tree(repo: Repository) -> Oid:
    return repo.objects.commit(commit(repo, {b"a": b"b"})).tree


def test_empty_tree_needs_no_file(any_repo: Repository) -> None:
    assert any_repo.objects.tree(any_repo.format.empty_tree) == {}


def test_broken_object(repo: Repository) -> None:
    oid = blob(repo, b"whole")
    path = repo.objects.loose.path(oid)
    os.chmod(path, 0o644)
    Path(path.decode()).write_bytes(b"torn")
    fresh = Repository.open(repo.root)
    for _ in range(2):
        with pytest.raises(GitError, match=oid.hex()):
            fresh.objects.read(oid)
        with pytest.raises(GitError):
            fresh.objects.small(oid, 10)
    assert fresh.objects.resolve("HEAD") is None  # git runs again


def test_good_copy_in_a_pack_is_found(repo: Repository, git: GitRunner) -> None:
    oid = blob(repo, b"whole")
    top = repo.root.decode()
    git(top, "update-ref", "refs/tags/t", oid.hex())
    git(top, "repack", "-q", "-a")
    path = repo.objects.loose.path(oid)
    os.chmod(path, 0o644)
    Path(path.decode()).write_bytes(b"torn")
    assert Repository.open(top).objects.read(oid).data == b"whole"


def test_staged_objects_are_nowhere_until_placed(repo: Repository) -> None:  # I10
    for count in (3, MOST_LOOSE + 1):
        objects = _many(repo, count)
        with Batch(repo.staging) as batch:
            pending = repo.objects.stage(objects, batch)
            assert not any(repo.objects.has(oid) for oid in objects)
            assert all(repo.objects.read(oid) == item for oid, item in objects.items())
            batch.sync()
            pending.place()
        assert all(repo.objects.has(oid) for oid in objects)
        for path in Path(repo.git_dir.decode(), "objects").glob("??/*"):
            path.unlink()


class _Watched(Batch):
    """Notes what was staged when it was synced."""

    synced = 0

    def sync(self) -> None:
        super().sync()
        self.synced += 1


def test_objects_are_synced_once_before_they_are_placed(repo: Repository) -> None:  # I10
    batch = _Watched(repo.staging)
    with batch:
        repo.objects.write(_many(repo, 3), batch)
        assert batch.synced == 1
    with _Watched(repo.staging) as batch:
        assert repo.objects.stage(_many(repo, 3), batch).loose == []  # written lately and still there


def test_an_object_that_was_pruned_is_written_again(repo: Repository) -> None:
    oid = blob(repo, b"x")
    os.unlink(repo.objects.loose.path(oid))
    os.rmdir(os.path.dirname(repo.objects.loose.path(oid)))
    blob(repo, b"x")
    assert repo.objects.has(oid)


def test_a_file_that_somebody_else_wrote_is_not_trusted(repo: Repository, git: GitRunner) -> None:  # I10
    text = git(repo.root.decode(), "hash-object", "-w", "--stdin", input=b"x").decode().strip()
    path = repo.objects.loose.path(Oid(bytes.fromhex(text)))
    before = os.stat(path).st_ino
    keep = os.open(path, os.O_RDONLY)
    blob(repo, b"x")
    assert os.stat(path).st_ino != before
    os.close(keep)


def test_shared_repository(tmp_path: Path, git: GitRunner) -> None:
    git(tmp_path, "init", "-q", "--shared=group", "r")
    old = os.umask(0o077)
    try:
        repo = Repository.open(tmp_path / "r")
        path = repo.objects.loose.path(blob(repo, b"x"))
        repo.objects.write(_many(repo, MOST_LOOSE + 1))
    finally:
        os.umask(old)
    packs = list(Path(repo.git_dir.decode(), "objects/pack").glob("*.[pi]*"))
    assert {stat.S_IMODE(os.stat(name).st_mode) for name in (path, *packs)} == {0o440}
    assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o2770


def test_what_could_not_be_written_is_not_believed_to_be_there(repo: Repository) -> None:  # I10 I26
    item = Object(b"blob", b"never on the disk")
    objects = {repo.format.hash(*item): item}
    (oid,) = objects
    directory = Path(os.fsdecode(repo.staging))
    directory.write_bytes(b"in the way")  # as a disk that refuses
    with pytest.raises(NotADirectoryError):
        repo.objects.write(objects)
    directory.unlink()
    with pytest.raises(MissingObject):
        repo.objects.read(oid)
