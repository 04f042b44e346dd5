"""Once the index is written, a person's `git status` trusts it and starts no git-annex process."""

import os
import subprocess
from pathlib import Path

from tests.conftest import run_git

from .harness import Pair, eventually
from .worktree import read, write


def index_is_written(folder: Path) -> bool:
    """The index names what HEAD names, and was written in a later second than every file it names."""
    form = "--format=%(objectmode) %(objectname) %(path)"
    staged = run_git(folder, "ls-files", "-z", form).split(b"\0")[:-1]
    recorded = run_git(folder, "ls-tree", "-r", "-z", form, "HEAD").split(b"\0")[:-1]
    paths = [os.path.join(os.fsencode(folder), line.split(b" ", 2)[2]) for line in staged]
    newest_s = max((int(os.lstat(path).st_mtime) for path in paths), default=0)
    return staged == recorded and int((folder / ".git/index").stat().st_mtime) > newest_s


def processes_of_status(folder: Path, trace: Path) -> list[str]:
    """Runs `git status`, which must be clean, with tracing; the lines that tell of a process."""
    environment = os.environ | {"GIT_TRACE": str(trace)}
    done = subprocess.run(
        ["git", "status", "--porcelain"], cwd=folder, env=environment, capture_output=True, check=True
    )
    assert done.stdout == b""
    lines = trace.read_text(errors="replace").splitlines()
    assert lines, "git wrote no trace"
    return [line for line in lines if "run_command:" in line or "git-annex" in line]


def test_git_status_spawns_nothing(pair: Pair, tmp_path: Path) -> None:  # I28 I30
    for n in range(30):
        write(pair.a, f"small/{n}.txt", b"%d\n" % n)
        write(pair.a, f"large/{n}.bin", b"\0%d" % n * 40_000)
    pair.up()
    write(pair.b, "small/1.txt", b"edited on the other side\n")
    write(pair.b, "large/1.bin", b"\0edited" * 30_000)
    pair.settle()
    assert read(pair.a, "small/1.txt") == b"edited on the other side\n"
    for folder in (pair.a, pair.b):
        eventually(lambda folder=folder: index_is_written(folder), f"the index of {folder.name}")
        assert processes_of_status(folder, tmp_path / f"trace-{folder.name}") == []
