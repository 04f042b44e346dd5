"""A far computer without instep (git, and git-annex if asked for), and folders here that know only that."""

import contextlib
import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.conftest import run_git

from .far_pair import WithFar
from .harness import eventually
from .sshd import HOST, FarComputer
from .worktree import differences

SYSTEM_PATH = "/usr/bin:/bin"


class FarStock(WithFar):
    """Folders here (`a`, `b`), and `far` without instep."""

    def __init__(self, top: Path, *, annex: bool = True) -> None:
        top.mkdir(parents=True, exist_ok=True)
        super().__init__([top / "a", top / "b"], [])
        assert shutil.which("instep", path=SYSTEM_PATH) is None, "the far computer has it too"
        self.programs = top / "far-programs"
        self.programs.mkdir()
        if annex:
            self.install("git-annex", "git-annex-shell")
        self.far = FarComputer(top / "far", mark=self.mark, path=f"{self.programs}:{SYSTEM_PATH}")
        self.hub = self.far.home / "hub.git"

    @property
    def a(self) -> Path:
        return self.folders[0]

    @property
    def b(self) -> Path:
        return self.folders[1]

    def install(self, *names: str) -> None:
        """Put programs of this computer onto the far PATH."""
        for name in names:
            found = shutil.which(name)
            assert found is not None, name
            (self.programs / name).symlink_to(found)

    def wrap_annex_shell(self, script: str) -> None:
        """Put a script in the place of git-annex-shell there; `$real` in it is the real one."""
        wrapper = self.programs / "git-annex-shell"
        wrapper.unlink()
        wrapper.write_text(f"#!/bin/bash\nreal={shutil.which('git-annex-shell')}\n{script}\n")
        wrapper.chmod(0o755)

    def up(self, *, host: str = HOST) -> Self:
        """Both folders, with the hub."""
        for folder in self.folders:
            self.instep("up", folder, f"{host}:hub.git")
        self.settle()
        return self

    def settle(self) -> None:
        """Until A and B are in step with the hub, and so with each other."""
        eventually(lambda: (self.wait(), not differences(self.a, self.b))[1], "equal trees", 2 * 60)

    def remote(self, folder: Path) -> dict[str, object]:
        """What the status says of the one remote."""
        [remote] = self.status(folder)["remotes"]
        return remote

    def conditions(self, folder: Path) -> list[str]:
        """The codes of what is said to be wrong."""
        return [item["code"] for item in self.status(folder)["attention"]]

    def masters(self) -> list[int]:
        """The ssh clients of this side that others go through."""
        return self.ssh_processes("-M")

    def cut(self) -> None:
        """The connections that there are break."""
        masters = self.masters()
        for pid in masters:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not set(masters) & set(self.masters()), "the connections are gone")

    def ssh_processes(self, *words: str) -> list[int]:
        """The ssh clients of this side whose command line has all these words."""
        return [pid for pid in self.processes() if _is_ssh(pid, words)]


def _is_ssh(pid: int, words: Sequence[str]) -> bool:
    try:
        program = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
        line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return False
    return program == "ssh" and all(word in line for word in words)


def annexed(repository: Path) -> set[str]:
    """The keys of which the content is there."""
    return {path.name for path in (repository / "annex/objects").glob("*/*/*/*") if path.is_file()}


def key_of(folder: Path, name: str) -> str:
    """Which content the branch names; "" if none."""
    pointer = run_git(folder, "cat-file", "blob", f"HEAD:{name}", check=False)
    return pointer.decode().strip().rpartition("/")[2]
