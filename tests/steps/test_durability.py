"""The order in which things reach the disk, as the kernel is asked for it: objects, sync, ref (I10)."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import RepositoryMaker

COMMIT = """
import sys
from pathlib import Path

from tests.steps.side import Side

side = Side.open(Path(sys.argv[1]))
for name in sys.argv[2:]:
    side.write(name, name * 40_000 if name.endswith(".bin") else name)
assert side.commit().commit is not None
side.close()
"""
CALLS = "fsync,fdatasync,syncfs,sync_file_range,rename,renameat,renameat2"
PATH = re.compile(r'"((?:[^"\\]|\\.)*)"')
OPEN = re.compile(r"\d+<([^>]*)>")


def calls_of_a_commit(folder: Path, *names: str) -> list[tuple[str, list[str]]]:
    """What a commit of these new files asks of the kernel, in order: the call, and the paths in it."""
    trace = folder.parent / "trace"
    command = [sys.executable, "-c", COMMIT, str(folder), *names]
    subprocess.run(
        ["strace", "-f", "-y", "-s", "4096", "-o", trace, "-e", f"trace={CALLS}", *command],
        cwd=Path(__file__).parents[2],
        env=os.environ,
        check=True,
    )
    found: list[tuple[str, list[str]]] = []
    for line in trace.read_text().splitlines():
        call = re.match(r"\d+ +(\w+)\((.*)", line)
        if call is not None and " = -1 " not in line:
            found.append((call[1], OPEN.findall(call[2]) + PATH.findall(call[2])))
    return found


@pytest.mark.parametrize("names", [("one",), ("one", "two", "three.bin"), tuple(f"{n}" for n in range(60))])
def test_objects_are_synced_before_the_ref_moves(  # I10
    annexed: RepositoryMaker, names: tuple[str, ...]
) -> None:
    folder = annexed()
    (folder / ".git/annex/journal").mkdir(exist_ok=True)
    calls = calls_of_a_commit(folder, *names)
    syncs = [n for n, (call, _) in enumerate(calls) if "sync" in call]
    fsyncs = [n for n, (call, _) in enumerate(calls) if call in ("fsync", "fdatasync", "syncfs")]
    renames = [(n, paths[-1]) for n, (call, paths) in enumerate(calls) if "rename" in call]
    (ref,) = [n for n, target in renames if target.endswith("refs/heads/main")]
    objects = [n for n, target in renames if re.search("/objects/", target)]
    assert objects
    assert syncs
    marks = {n for n in fsyncs if any(path.endswith(".keep") for path in calls[n][1])}
    staged_sync = max(n for n in fsyncs if n < min(objects) and n not in marks)
    assert max(objects) < ref, "objects are placed before the ref moves"
    assert any("staging" in path for path in calls[staged_sync][1]), "their content is durable before that"
    lock = [n for n in fsyncs if max(objects) < n < ref]
    assert any("refs/heads/main.lock" in path for n in lock for path in calls[n][1]), "the ref is synced"
