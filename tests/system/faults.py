"""Faults of the machine on demand: a preloaded library (`faults.c`) in which calls fail while a rule says so.

The rules are in a file that every process reads at every call, so faults begin and end while it runs.
"""

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).with_name("faults.c")
MOST_RULES_BYTES = 4000


def build(directory: Path) -> Path:
    """The library, compiled into this directory."""
    library = directory / "faults.so"
    command = ["gcc", "-O1", "-shared", "-fPIC", "-w", "-o", library, SOURCE, "-ldl"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return library


class Faults:
    """The rules in force; `environment` is what a process must be started with to obey them."""

    def __init__(self, library: Path, directory: Path) -> None:
        self._rules = directory / "rules"
        self._rules.touch()
        self._hits = directory / "rules.hits"
        self.environment = {"LD_PRELOAD": str(library), "INSTEP_FAULTS": str(self._rules)}

    @contextmanager
    def on(
        self, calls: str, error: int, where: Path | bytes, *, first: int = 1, count: int = 0
    ) -> Generator[None]:
        """In the block, these calls (`create,write`) on paths in which `where` occurs fail with `error`:
        in each process from the `first` one on, `count` times (0: always)."""
        rule = b"%b %d %d %d %b\n" % (calls.encode(), error, first, count, os.fsencode(where))
        assert len(rule) < MOST_RULES_BYTES
        self._hits.write_bytes(b"")
        self._rules.write_bytes(rule)
        try:
            yield
        finally:
            self._rules.write_bytes(b"")

    def hits(self) -> list[str]:
        """What has failed since the last `on`: `PID CALL ERRNO PATH` each."""
        return self._hits.read_text(errors="replace").splitlines()
