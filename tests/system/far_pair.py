"""A folder here and one on another computer, behind a real sshd."""

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from .apart import Wire
from .harness import Cluster, Pair
from .sshd import FarComputer
from .worktree import Name


class WithFar(Cluster):
    """Folders, and `far`, which is there in the block, with the ssh that knows it on the PATH."""

    far: FarComputer

    def __enter__(self) -> Self:
        self._here = pytest.MonkeyPatch()
        self._here.setenv("PATH", f"{self.far.bin}{os.pathsep}{os.environ['PATH']}")
        self.far.start()
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, at)
        self.far.stop()
        self._here.undo()


class FarPair(WithFar, Pair):
    """`a` is here, `b` is `Docs` in the far home. The far side is asked on its own computer, so to say: with
    its environment, not over ssh."""

    def __init__(self, top: Path, wire: Wire | None = None) -> None:
        """With a `wire` the two are on a network of their own."""
        super().__init__(top)
        self._wire = wire
        self.far = FarComputer(top / "far", mark=self.mark, wire=wire)
        self.b = self.far.home / "Docs"

    def environment_of(self, args: Sequence[Name]) -> dict[str, str]:
        return self.far.environment if self.b in args else {}

    def prefix_of(self, args: Sequence[Name]) -> Sequence[str]:
        if self._wire is None:
            return ()
        return self._wire.there if self.b in args else self._wire.here

    def up(self) -> Self:
        self.instep("up", self.a, self.far.address("Docs"))
        self.wait()
        return self

    def ssh_processes(self) -> list[int]:
        """The ssh clients that run for this side's daemon."""
        return [pid for pid in self.processes() if _program(pid) == "ssh"]


def _program(pid: int) -> str:
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return ""
