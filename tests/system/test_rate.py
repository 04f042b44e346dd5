"""How fast, and in which order: what is small is never far behind what is large, and limits hold."""

import os
import time
from pathlib import Path

from tests.conftest import run_git

from .harness import eventually
from .hosts import Graph
from .worktree import read, write

LINE_BYTES_PER_S = 500_000
AHEAD_BYTES = 1_500_000
"""So much of the large file may still come before the text: three seconds of a busy machine. What ssh and the
kernel take in if they are let is 2,700,000."""


def come(folder: Path) -> int:
    """How much of the one large file is here."""
    return sum(path.stat().st_size for path in (folder / ".git/annex/tmp").iterdir())


def test_a_text_edit_passes_a_large_upload_on_a_slow_line(graph: Graph) -> None:
    hosts = graph("pair")
    a, b = hosts.folders
    hosts.network.slow(0, LINE_BYTES_PER_S)
    write(a, "film", os.urandom(12 * LINE_BYTES_PER_S))
    eventually(lambda: come(b) > 2 * LINE_BYTES_PER_S, "it is coming, and all buffers are full")
    before = come(b)
    write(a, "note", b"small\n")
    eventually(lambda: read(b, "note") == b"small\n", "the note came")
    assert come(b) - before < AHEAD_BYTES
    assert come(b) > 0, "the film is still coming"


def test_a_limit_holds_for_content_and_not_for_text(graph: Graph) -> None:  # I22
    """Each side's own limit; taken away, it holds no more."""
    hosts = graph("pair")
    a, b = hosts.folders
    limit = 1_000_000

    def seconds(name: str, size: int) -> float:
        film, began_s = os.urandom(size), time.monotonic()
        write(a, name, film)
        eventually(lambda: come(b) > 0 or read(b, name) == film, "it is coming")
        write(a, f"note on {name}", b"small\n")
        eventually(lambda: read(b, f"note on {name}") == b"small\n", "the note came")
        eventually(lambda: read(b, name) == film, "the film came")
        return time.monotonic() - began_s

    for folder, setting in ((a, "remote.h1.annex-bwlimit-upload"), (b, "annex.bwlimit")):
        run_git(folder, "config", setting, f"{limit / 1e6} MB")
        eventually(lambda: not hosts.status(a)["attention"], "the setting was read")
        assert seconds(f"{folder.parent.name}.film", 3 * limit) > 2.5
        run_git(folder, "config", "--unset", setting)
    run_git(a, "config", "annex.bwlimit", "a lot")
    eventually(lambda: "annex.bwlimit" in str(hosts.status(a)["attention"]), "what is no limit is named")
