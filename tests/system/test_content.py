"""Content comes to where its pointer is by now, whatever was done to the pointer before it came."""

import os
from pathlib import Path

from tests.conftest import run_git

from .harness import Pair, eventually
from .worktree import join, read, write

BIG = b"\0big" * 50_000


def pointer_of(folder: Path, name: str) -> bytes:
    """What stands for a large file in git."""
    return run_git(folder, "cat-file", "blob", f"HEAD:{name}")


def test_a_pointer_gets_the_content_that_is_here_already(running: Pair) -> None:  # I7 I13
    """As when a pointer was renamed in the moment in which its content came."""
    write(running.a, "film.bin", BIG)
    running.settle()
    write(running.b, "other name.bin", pointer_of(running.a, "film.bin"))
    os.unlink(join(running.b, "film.bin"))
    eventually(lambda: read(running.b, "other name.bin") == BIG, "the content under the other name")
    running.assert_equal()
    assert read(running.a, "other name.bin") == BIG
