"""What must hold once nothing happens any more: no commits, no pushes, and stock tools content."""

import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from tests.conftest import run_git

from .harness import eventually

SILENCE_S = 3.0


def refs(folder: Path) -> bytes:
    """Every ref with its commit, and how many commits there are."""
    return run_git(folder, "for-each-ref") + run_git(folder, "rev-list", "--all", "--count")


def changes(folder: Path) -> bytes:
    """What git thinks differs from the commit."""
    return run_git(folder, "status", "--porcelain")


def eventually_clean(folders: Iterable[Path]) -> None:
    """Within the limit, git finds no difference from the commit in any of them."""
    found: dict[str, bytes] = {}

    def is_clean() -> bool:
        found.update((folder.name, changes(folder)) for folder in folders)
        return not any(found.values())

    try:
        eventually(is_clean)
    except AssertionError:
        how = [run_git(folder, "diff", "HEAD", "--raw", "-p") for folder in folders]
        assert not any(found.values()), (found, how)


def assert_silence(*folders: Path) -> None:
    """Within the limit, refs stand still for SILENCE_S: no further commits and no pushes."""  # I13 I28
    seen: list[list[bytes]] = []

    def still() -> bool:
        before = [refs(folder) for folder in folders]
        time.sleep(SILENCE_S)  # silence has to be listened to
        seen[:] = [before, [refs(folder) for folder in folders]]
        return seen[0] == seen[1]

    try:
        eventually(still)
    except AssertionError:
        assert seen[0] == seen[1], "commits and pushes go on after convergence"


def assert_whole(folder: Path) -> None:
    """git finds every object, and each of them right. It lists them first and reads the refs later: what is
    committed in between seems to be missing, so it looks again where a ref has moved meanwhile."""  # I30
    while True:
        before = refs(folder)
        done = subprocess.run(["git", "-C", folder, "fsck", "--strict"], capture_output=True, check=False)
        if done.returncode == 0:
            return
        assert refs(folder) != before, (done.stdout + done.stderr).decode(errors="replace")


def assert_sound(folder: Path) -> None:
    """With nothing running: what git and git-annex say of the folder."""  # I30
    assert changes(folder) == b""
    assert_whole(folder)
    run_git(folder, "annex", "fsck", "--quiet")
