"""A repository's own files, damaged one by one, and mended from what is still there. # I27"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from instep.git.mend import Mender
from tests.conftest import RepositoryMaker, run_git


@pytest.fixture
def git_dir(plain_repository: RepositoryMaker) -> Path:
    """Of a repository with two commits, whose configuration was kept."""
    root = plain_repository()
    run_git(root, "config", "annex.uuid", "1-2-3")
    for number in (b"1", b"2"):
        (root / "file").write_bytes(number)
        run_git(root, "add", "file")
        run_git(root, "commit", "-qm", "m")
    found = root / ".git"
    (found / "instep").mkdir()
    Mender(os.fsencode(found)).keep_config()
    return found


def mend(git_dir: Path) -> list[str]:
    return Mender(os.fsencode(git_dir)).mend()


def head(git_dir: Path) -> str:
    return run_git(git_dir.parent, "rev-parse", "HEAD").decode().strip()


def put_aside(git_dir: Path) -> list[bytes]:
    """What is kept of what was replaced."""
    return [path.read_bytes() for path in sorted((git_dir / "instep/broken").iterdir())]


def assert_sound(git_dir: Path) -> None:
    run_git(git_dir.parent, "fsck", "--strict")
    assert run_git(git_dir.parent, "status", "--porcelain") == b""


def test_nothing_is_done_to_a_sound_one(git_dir: Path) -> None:
    def files() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in git_dir.rglob("*") if path.is_file()}

    before = files()
    assert mend(git_dir) == []
    assert files() == before


@pytest.mark.parametrize("data", [b"", b"\0" * 41, b"abc\n", b"ref"])
def test_a_branch_is_where_its_reflog_says(git_dir: Path, data: bytes) -> None:
    was = head(git_dir)
    (git_dir / "refs/heads/main").write_bytes(data)
    [said] = mend(git_dir)
    assert said.startswith("refs/heads/main was damaged, and is as it last was; what it was is kept in ")
    assert head(git_dir) == was
    assert put_aside(git_dir) == [data]
    assert_sound(git_dir)


def test_a_damaged_branch_without_a_reflog_is_taken_away(git_dir: Path) -> None:
    (git_dir / "refs/heads/other").write_bytes(b"")
    [said] = mend(git_dir)
    assert said.startswith("refs/heads/other was damaged, and is gone")
    assert_sound(git_dir)


def test_a_branch_that_is_gone(git_dir: Path) -> None:
    was = head(git_dir)
    (git_dir / "refs/heads/main").unlink()
    assert mend(git_dir) == ["main was gone, and is as it last was"]
    assert head(git_dir) == was


def test_a_branch_that_is_packed_or_unborn_is_not_gone(git_dir: Path) -> None:
    run_git(git_dir.parent, "pack-refs", "--all")
    assert mend(git_dir) == []
    run_git(git_dir.parent, "switch", "-q", "--orphan", "unborn")
    assert mend(git_dir) == []
    assert (git_dir / "HEAD").read_bytes() == b"ref: refs/heads/unborn\n"


@pytest.mark.parametrize("data", [b"", b"\0" * 20, None])
def test_head_names_the_branch_that_was_checked_out_last(git_dir: Path, data: bytes | None) -> None:
    run_git(git_dir.parent, "branch", "git-annex")
    run_git(git_dir.parent, "switch", "-q", "-c", "work")
    (git_dir / "HEAD").unlink() if data is None else (git_dir / "HEAD").write_bytes(data)
    assert len(mend(git_dir)) == (data is not None)
    assert (git_dir / "HEAD").read_bytes() == b"ref: refs/heads/work\n"
    assert_sound(git_dir)


def test_head_is_guessed_only_where_there_is_one_branch(git_dir: Path) -> None:
    (git_dir / "logs/HEAD").unlink()
    for name in ("git-annex", "synced/main"):
        run_git(git_dir.parent, "branch", name)
    (git_dir / "HEAD").write_bytes(b"")
    mend(git_dir)
    assert (git_dir / "HEAD").read_bytes() == b"ref: refs/heads/main\n"
    run_git(git_dir.parent, "branch", "second")
    (git_dir / "HEAD").write_bytes(b"")
    assert mend(git_dir) == []
    assert (git_dir / "HEAD").read_bytes() == b""


SPOILS: list[Callable[[bytes], bytes]] = [
    lambda data: b"",
    lambda data: data[:-30],
    lambda data: b"x" * 100,
    lambda data: data[:40] + b"!" + data[41:],
]


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_damaged_index_goes_aside(git_dir: Path, spoil: Callable[[bytes], bytes]) -> None:
    data = spoil((git_dir / "index").read_bytes())
    (git_dir / "index").write_bytes(data)
    [said] = mend(git_dir)
    assert said.startswith("index was damaged, and is made anew")
    assert put_aside(git_dir) == [data]
    assert not (git_dir / "index").exists()
    run_git(git_dir.parent, "reset", "-q")
    assert_sound(git_dir)


def test_an_index_without_a_checksum_is_whole(git_dir: Path) -> None:
    """As git writes it with `index.skipHash`."""
    data = (git_dir / "index").read_bytes()
    (git_dir / "index").write_bytes(data[:-20] + bytes(20))
    assert mend(git_dir) == []


def test_an_index_of_sha256(plain_repository: RepositoryMaker) -> None:
    root = plain_repository("long", object_format="sha256")
    (root / "file").touch()
    run_git(root, "add", "file")
    assert mend(root / ".git") == []
    os.truncate(root / ".git/index", 50)
    assert len(mend(root / ".git")) == 1


@pytest.mark.parametrize("data", [b"", b"\0\0[junk", b"[core]\n\tbare = false\n"])
def test_the_configuration_is_as_it_was_when_it_was_good(git_dir: Path, data: bytes) -> None:
    good = (git_dir / "config").read_bytes()
    (git_dir / "config").write_bytes(data)
    [said] = mend(git_dir)
    assert said.startswith("config was damaged, and is as it last was")
    assert (git_dir / "config").read_bytes() == good
    assert put_aside(git_dir) == [data]


def test_a_changed_configuration_stays(git_dir: Path) -> None:  # I22
    run_git(git_dir.parent, "config", "annex.thin", "true")
    assert mend(git_dir) == []
    assert run_git(git_dir.parent, "config", "annex.thin") == b"true\n"


def test_a_pack_without_its_index(git_dir: Path) -> None:
    run_git(git_dir.parent, "gc", "-q")
    for index in (git_dir / "objects/pack").glob("*.idx"):
        index.unlink()
    [said] = mend(git_dir)
    assert said.endswith("had lost its index")
    assert_sound(git_dir)


def test_what_was_mended_is_told_once(git_dir: Path) -> None:  # I29
    (git_dir / "refs/heads/main").write_bytes(b"")
    Mender(os.fsencode(git_dir)).mend_and_note()
    [said] = Mender(os.fsencode(git_dir)).noted()
    assert said.startswith("refs/heads/main")
    assert Mender(os.fsencode(git_dir)).noted() == []


def test_what_can_not_be_put_aside_stays(git_dir: Path) -> None:  # I26
    (git_dir / "config").write_bytes(b"")
    (git_dir / "instep/broken").touch()  # no directory can be made there
    with pytest.raises(OSError, match="exists"):
        mend(git_dir)
    assert (git_dir / "config").read_bytes() == b""
