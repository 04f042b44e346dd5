"""A repository to try things on, opened, and a way to make commits in it."""

from collections.abc import Iterator, Mapping, Sequence

import pytest

from instep.core.commit import Commit, Signature
from instep.core.tree import edit
from instep.core.types import MODE_FILE, Entry, Object, Oid, RelPath
from instep.git.repository import Repository
from tests.conftest import RepositoryMaker


def blob(repo: Repository, data: bytes) -> Oid:
    """Writes a blob."""
    oid = repo.format.hash(b"blob", data)
    repo.objects.write({oid: Object(b"blob", data)})
    return oid


def commit_objects(
    repo: Repository, files: Mapping[bytes, bytes], parents: Sequence[Oid] = (), when: int = 1_700_000_000
) -> tuple[Oid, dict[Oid, Object]]:
    """A commit that changes some files of its first parent, and all its objects, unwritten."""
    objects: dict[Oid, Object] = {}
    entries: dict[RelPath, Entry | None] = {}
    for path, data in files.items():
        oid = repo.format.hash(b"blob", data)
        objects[oid] = Object(b"blob", data)
        entries[RelPath(path)] = Entry(MODE_FILE, oid)
    root = repo.objects.commit(parents[0]).tree if parents else None
    edited = edit(root, entries, repo.objects.tree, repo.format)
    objects |= edited.objects
    who = Signature(b"T", b"t@example.org", when)
    data = Commit(edited.root, tuple(parents), who, who, b"m\n").encode()
    oid = repo.format.hash(b"commit", data)
    return oid, objects | {oid: Object(b"commit", data)}


def commit(
    repo: Repository, files: Mapping[bytes, bytes], parents: Sequence[Oid] = (), when: int = 1_700_000_000
) -> Oid:
    """The same, written."""
    oid, objects = commit_objects(repo, files, parents, when)
    repo.objects.write(objects)
    return oid


@pytest.fixture(params=["sha1", "sha256"])
def any_repo(plain_repository: RepositoryMaker, request: pytest.FixtureRequest) -> Iterator[Repository]:
    """An empty repository of either hash."""
    repo = Repository.open(plain_repository(object_format=request.param))
    yield repo
    repo.close()


@pytest.fixture
def repo(plain_repository: RepositoryMaker) -> Iterator[Repository]:
    """An empty repository."""
    repo = Repository.open(plain_repository())
    yield repo
    repo.close()
