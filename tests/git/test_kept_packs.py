"""A pack that no ref names yet survives a repack; marks go when they have done their duty (I27)."""

from pathlib import Path

import pytest

from instep.core.types import Object, Oid
from instep.git.kept_packs import HOLD_S, KeptPacks
from instep.git.objects import MOST_LOOSE
from instep.git.refs import RefUpdate
from instep.git.repository import Repository
from tests.conftest import RepositoryMaker, run_git


@pytest.fixture
def repo(plain_repository: RepositoryMaker) -> Repository:
    folder = plain_repository()
    run_git(folder, "commit", "-q", "--allow-empty", "-m", "first")
    return Repository.open(folder)


def test_a_repack_between_a_pack_and_its_ref(repo: Repository) -> None:  # I10 I27
    folder = Path(str(repo.root, "utf-8"))
    blobs = [b"%d" % n for n in range(MOST_LOOSE + 1)]
    objects = {repo.format.hash(b"blob", data): Object(b"blob", data) for data in blobs}
    repo.objects.write(objects)
    run_git(folder, "repack", "-q", "-a", "-d")
    run_git(folder, "gc", "-q", "--prune=now")
    repo.objects.idle()
    first = Oid(next(iter(objects)))
    assert run_git(folder, "cat-file", "blob", first.hex()) == blobs[0]
    repo.refs.update([RefUpdate("refs/tags/first", first)], "test")


def test_marks_go_after_a_while_and_those_of_a_killed_process_too(tmp_path: Path) -> None:
    now = [0.0]
    kept = KeptPacks(bytes(tmp_path), lambda: now[0])
    kept.hold(b"pack-1")
    (tmp_path / "pack-2.keep").write_bytes(b"a person's\n")
    kept.hold(b"pack-2")
    kept.release()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pack-1.keep", "pack-2.keep"]
    again = KeptPacks(bytes(tmp_path), lambda: now[0])
    assert len(again) == 1
    now[0] = HOLD_S
    again.release()
    kept.release()
    assert [path.name for path in tmp_path.iterdir()] == ["pack-2.keep"]
