"""The annex: content gets there whole, once, with the modes that git-annex gives it."""

import hashlib
import os
import shutil
import stat
import threading
from pathlib import Path

import pytest

from instep.annex.branch import AnnexBranch
from instep.annex.settings import AnnexSettings, read_settings
from instep.annex.setup import uuid_of
from instep.annex.store import AnnexStore, StagedContent
from instep.core.keys import object_path
from instep.core.pointers import pointer
from instep.core.types import Key, RelPath
from instep.fs.durable import Batch
from instep.fs.identity import Identity
from instep.git.repository import Repository
from tests.annex.conftest import AnnexRunner
from tests.conftest import GitRunner

HI = Key(b"SHA256E-s2--8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4.txt")
SOMEWHERE = Identity.of(os.stat("/"))


@pytest.fixture
def decided(repo: Repository) -> AnnexSettings:
    return read_settings(repo, AnnexBranch(repo))


def stage(
    store: AnnexStore, repo: Repository, decided: AnnexSettings, data: bytes, batch: Batch
) -> StagedContent:
    source = Path(os.fsdecode(repo.private), "source")
    source.write_bytes(data)
    return store.stage_data(data, RelPath(b"d/a.txt"), batch, Identity.of(source.stat()), decided)


def test_small_content_is_stored(repo: Repository, decided: AnnexSettings, annex: AnnexRunner) -> None:
    store = AnnexStore(repo)
    assert not store.has(HI)
    with Batch(repo.staging) as batch:
        content = stage(store, repo, decided, b"hi", batch)
        assert content.key == HI
        batch.sync()
        assert store.put(content)
        again = stage(store, repo, decided, b"hi", batch)
        assert again.staged is None
        assert not store.put(again)
    assert store.find(HI) == store.path(HI)
    with store.open(HI) as file:
        assert file.read() == b"hi"
    assert store.verify(HI, store.path(HI)) is True
    assert stat.S_IMODE(os.stat(store.path(HI)).st_mode) == 0o444
    assert stat.S_IMODE(os.stat(os.path.dirname(store.path(HI))).st_mode) == 0o555
    found = annex(Path(os.fsdecode(repo.root)), "contentlocation", HI).strip()
    assert os.path.join(repo.root, found) == store.path(HI)


def test_a_native_add_is_a_git_annex_add(
    repo: Repository, decided: AnnexSettings, annex: AnnexRunner, git: GitRunner
) -> None:  # I30
    folder, store, branch = Path(os.fsdecode(repo.root)), AnnexStore(repo), AnnexBranch(repo)
    (folder / "big.bin").write_bytes(os.urandom(3 << 20))
    (folder / "run").write_bytes(b"#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    root_fd = os.open(folder, os.O_RDONLY)
    with Batch(repo.staging) as batch:
        contents = {
            name: store.stage_file(root_fd, RelPath(name), batch, decided) for name in (b"big.bin", b"run")
        }
        batch.sync()
        assert all(store.put(content) for content in contents.values())
        batch.sync_names()
    os.close(root_fd)
    branch.record([(content.key, uuid_of(repo), True) for content in contents.values()])
    for name, content in contents.items():
        blob = git(folder, "hash-object", "-w", "--stdin", "--no-filters", input=pointer(content.key)).strip()
        mode = b"100755" if name == b"run" else b"100644"
        git(folder, "update-index", "--add", "--cacheinfo", b"%s,%s,%s" % (mode, blob, name))
    assert stat.S_IMODE(os.stat(store.path(contents[b"run"].key)).st_mode) == 0o555
    assert annex(folder, "fsck", "--quiet") == b""
    assert annex(folder, "find", "--in=here") == b"big.bin\nrun\n"
    annex(folder, "lock", ".")
    assert (folder / "big.bin").is_symlink()


def test_a_file_that_is_there_is_never_replaced(repo: Repository, decided: AnnexSettings) -> None:  # I12
    store = AnnexStore(repo)
    with Batch(repo.staging) as batch:
        first, second = (stage(store, repo, decided, b"hi", batch) for _ in range(2))
        batch.sync()
        assert store.put(first)
        inode = os.stat(store.path(HI)).st_ino
        assert not store.put(second)
    assert os.stat(store.path(HI)).st_ino == inode
    assert os.listdir(repo.staging) == []


def test_content_that_came_with_its_key(repo: Repository) -> None:
    store = AnnexStore(repo)
    with Batch(repo.staging) as batch:
        content = store.stage_key(HI, b"hi", batch)
        batch.sync()
        assert store.put(content)
    assert store.verify(HI, store.path(HI)) is True
    assert stat.S_IMODE(os.stat(store.path(HI)).st_mode) == 0o444


def test_received_content_is_taken_over(repo: Repository, tmp_path: Path) -> None:
    store = AnnexStore(repo)
    for expected in (True, False):
        received = Path(os.fsdecode(repo.private), "received")
        received.write_bytes(b"hi")
        assert store.verify(HI, os.fsencode(received)) is True
        assert store.put_file(HI, os.fsencode(received)) is expected
        assert not received.exists()
        assert store.has(HI)
    assert stat.S_IMODE(os.stat(store.path(HI)).st_mode) == 0o444


def test_content_under_the_other_hash_directory_is_found(repo: Repository) -> None:
    store = AnnexStore(repo)
    other = os.path.join(repo.git_dir, object_path(HI, bare=True))
    os.makedirs(os.path.dirname(other))
    Path(os.fsdecode(other)).write_bytes(b"hi")
    assert store.find(HI) == other
    assert store.path(HI) != other


def test_a_directory_without_the_object_is_no_content(repo: Repository) -> None:
    store = AnnexStore(repo)
    directory = Path(os.fsdecode(os.path.dirname(store.path(HI))))
    directory.mkdir(parents=True)
    (directory / (os.fsdecode(HI) + ".lck")).touch()
    assert not store.has(HI)
    with pytest.raises(FileNotFoundError):
        store.open(HI)
    (directory / os.fsdecode(HI)).mkdir()
    assert not store.has(HI)


@pytest.mark.parametrize(
    ("key", "data", "verdict"),
    [
        (HI, b"hi", True),
        (HI, b"ho", False),
        (HI, b"longer", False),
        (Key(b"SHA256E--" + hashlib.sha256(b"x" * 3_000_000).hexdigest().encode()), b"x" * 3_000_000, True),
        (Key(b"WORM-s2-m1--x"), b"hi", None),
        (Key(b"WORM-s3-m1--x"), b"hi", False),
    ],
)
def test_verifying(repo: Repository, key: Key, data: bytes, verdict: bool | None) -> None:
    file = Path(os.fsdecode(repo.private), "file")
    file.write_bytes(data)
    store = AnnexStore(repo)
    assert store.verify(key, os.fsencode(file)) is verdict
    with file.open("rb") as opened:
        opened.seek(1)
        assert store.verify(key, opened.fileno()) is verdict
        assert opened.tell() == 1


def test_many_threads_and_a_git_annex_that_removes_directories(
    repo: Repository, decided: AnnexSettings
) -> None:
    """A drop removes the emptied hash directories just when something else is to go there."""
    store = AnnexStore(repo)
    stop = threading.Event()
    stored: list[bool] = []

    def remove_empty() -> None:
        objects = os.path.join(repo.git_dir, b"annex/objects")
        while not stop.is_set():
            for directory, _, _ in os.walk(objects, topdown=False):
                if directory != objects:
                    try:
                        os.rmdir(directory)
                    except OSError:
                        continue

    def put_all() -> None:
        for number in range(40):
            with Batch(repo.staging) as batch:
                content = stage_number(number, batch)
                batch.sync()
                stored.append(store.put(content))

    def stage_number(number: int, batch: Batch) -> StagedContent:
        return store.stage_data(b"%d" % number, RelPath(b"a"), batch, SOMEWHERE, decided)

    remover = threading.Thread(target=remove_empty)
    workers = [threading.Thread(target=put_all) for _ in range(3)]
    remover.start()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    stop.set()
    remover.join()
    assert (len(stored), sum(stored)) == (120, 40)
    assert os.listdir(repo.staging) == []


def test_no_repository_appears_where_it_is_gone(repo: Repository, decided: AnnexSettings) -> None:
    store = AnnexStore(repo)
    with Batch(repo.staging) as batch:
        content = stage(store, repo, decided, b"hi", batch)
        shutil.rmtree(os.path.join(repo.git_dir, b"annex"))
        with pytest.raises(FileNotFoundError):
            store.put(content)
    assert not os.path.exists(os.path.join(repo.git_dir, b"annex"))


@pytest.mark.parametrize("shared", ["group", "all", "0660", "0640"])
def test_modes_in_shared_repositories(
    repo: Repository, annex: AnnexRunner, git: GitRunner, shared: str
) -> None:
    folder = Path(os.fsdecode(repo.root))
    git(folder, "config", "core.sharedRepository", shared)
    (folder / "theirs").write_bytes(b"theirs")
    annex(folder, "add", "theirs")
    repo = Repository.open(folder)
    store, settings = AnnexStore(repo), read_settings(repo, AnnexBranch(repo))
    with Batch(repo.staging) as batch:
        ours = stage(store, repo, settings, b"ours", batch)
        batch.sync()
        store.put(ours)
    theirs = store.path(Key(annex(folder, "lookupkey", "theirs").strip()))
    mine = store.path(ours.key)
    for one, other in ((theirs, mine), (os.path.dirname(theirs), os.path.dirname(mine))):
        modes = [stat.S_IMODE(os.stat(path).st_mode) & 0o777 for path in (one, other)]
        assert modes[0] == modes[1]
