"""Content that went bad on one disk is found where somebody meets it, said, and had again. # I11 I12"""

import json
import os
from pathlib import Path

from tests.conftest import run_git

from .harness import Cluster, Pair, eventually, lock
from .worktree import read, write

BIG = os.urandom(300_000)


def key_of(folder: Path, name: str) -> str:
    return os.path.basename(run_git(folder, "cat-file", "blob", f"HEAD:{name}").decode().strip())


def the_object(folder: Path, name: str) -> Path:
    """Raises FileNotFoundError if it is not here."""
    where = run_git(folder, "annex", "contentlocation", key_of(folder, name), check=False)
    if not where:
        raise FileNotFoundError(name)
    return folder / where.decode().strip()


def spoil(folder: Path, name: str) -> None:
    """Other bytes, the same size and times: as a disk does it."""
    path = the_object(folder, name)
    found = path.stat()
    path.chmod(0o644)
    with open(path, "r+b") as file:
        file.write(b"\0" * 5000)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    path.chmod(0o444)


def is_whole(folder: Path, name: str, data: bytes = BIG) -> bool:
    return the_object(folder, name).read_bytes() == data


def copies(folder: Path, name: str) -> int:
    """How many the location log knows."""
    said = run_git(folder, "annex", "whereis", "--json", f"--key={key_of(folder, name)}")
    return len(json.loads(said)["whereis"])


def test_what_the_receiver_finds_wrong_is_mended_by_the_giver(running: Pair) -> None:
    """The giver's file still holds it; so it is in its annex again, and the receiver gets it."""
    a, b = running.folders
    running.instep("down", b)
    write(a, "film", BIG)
    running.instep("wait", a)
    spoil(a, "film")
    running.instep("up", b)
    eventually(lambda: read(b, "film") == BIG, "good content arrives")
    running.assert_equal()
    assert is_whole(a, "film")
    assert (a / ".git/annex/bad").is_dir(), "git-annex keeps what was bad"
    eventually(lambda: copies(b, "film") == 2, "both are known to have it")


def test_what_a_person_finds_bad_comes_again_from_a_peer(running: Pair) -> None:
    """A locked file, whose content is in the annex only."""
    a, b = running.folders
    other = BIG[::-1]
    write(a, "other film", other)
    running.settle()
    lock(b, "other film")
    running.settle()
    spoil(b, "other film")
    run_git(b, "annex", "fsck", "other film", check=False)
    eventually(lambda: is_whole(b, "other film", other), "it came again")
    running.settle()
    assert not running.status(b)["attention"]
    run_git(b, "annex", "fsck", "other film")
    eventually(lambda: copies(b, "other film") == 2, "both are known to have it")
    run_git(b, "annex", "drop", "--force", "other film")
    write(b, "other", b"1")
    running.instep("wait", a)
    assert not os.path.exists(b / "other film"), "what is dropped stays away"


def test_a_third_one_gives_what_went_bad(tmp_path: Path) -> None:
    """In a chain: the last one asks, the middle one notices, the first one has it."""
    with Cluster([tmp_path / name for name in "ab"], [(0, 1)]) as chain:
        a, b = chain.up().folders
        c = tmp_path / "c"
        write(a, "film", BIG)
        chain.wait(a, b)
        lock(b, "film")
        chain.wait(a, b)
        spoil(b, "film")
        chain.folders.append(c)
        chain.instep("up", b, c)
        eventually(lambda: read(c, "film") == BIG, "good content arrives")
        chain.settle()
        assert is_whole(b, "film")
        assert not [item for folder in chain.folders for item in chain.status(folder)["attention"]]
