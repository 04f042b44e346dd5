"""Folders kept in step by real processes, as a person at a shell would set them up.

Everything goes through the command line's contract, nothing through instep's own modules: what these tests
say stays true whatever the inside becomes. `INSTEP_COMMAND` names another build to test.

Every process that a cluster starts inherits a mark in its environment; by it alone they are found again, to
be signalled in a test and ended after it.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.conftest import run_git

from .worktree import Name, differences

LIMIT_S = 60
"""How long anything may take before the test is called hung. No test asserts on less."""

_MARK = "INSTEP_TEST_MARK"


class Done(NamedTuple):
    """What a command said."""

    code: int
    out: str
    err: str


def eventually(fact: Callable[[], object], what: str = "", limit_s: float = LIMIT_S) -> None:
    """Returns once `fact()` is true; AssertionError with `what` if it never is. OSError counts as no. Asking
    takes a third of the time at most: what is waited for needs the processor too."""
    deadline = time.monotonic() + limit_s
    while True:
        began = time.monotonic()
        with contextlib.suppress(OSError):
            if fact():
                return
        if time.monotonic() > deadline:
            raise AssertionError(f"never came true: {what or fact}")
        time.sleep(max(0.01, 2 * (time.monotonic() - began)))


class Cluster:
    """Folders, links between them, and the processes that keep them in step. A context manager: leaving it
    stops every process that was started through it."""

    def __init__(self, folders: Sequence[Path], links: Sequence[tuple[int, int]]) -> None:
        """`links` has the numbers of two folders each. Nothing is made or started yet."""
        self.folders = list(folders)
        self.links = list(links)
        self._mark = uuid.uuid4().hex

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.down(check=False)
        self.signal(signal.SIGKILL)

    # the commands

    def instep(
        self, *args: Name, check: bool = True, cwd: Path | None = None, limit_s: float = LIMIT_S
    ) -> Done:
        """Runs `instep ARGS`; AssertionError with its words when `check` and it did not end with 0."""
        named = args if cwd is None else (*args, cwd)
        command = [*self.prefix_of(named), os.environ.get("INSTEP_COMMAND", "instep"), *args]
        environment = os.environ | {_MARK: self._mark} | self.environment_of(named)
        ran = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limit_s,
            check=False,
        )
        done = Done(ran.returncode, ran.stdout.decode(errors="replace"), ran.stderr.decode(errors="replace"))
        assert done.code == 0 or not check, f"instep {args} ended with {done.code}:\n{done.out}{done.err}"
        return done

    def environment_of(self, args: Sequence[Name]) -> dict[str, str]:
        """What is different in the environment of a command with these arguments, or in this directory: here,
        nothing."""
        return {}

    def prefix_of(self, args: Sequence[Name]) -> Sequence[str]:
        """What goes before a command with these arguments: here, nothing."""
        return ()

    @property
    def mark(self) -> dict[str, str]:
        """The mark, for processes that are started in another way."""
        return {_MARK: self._mark}

    def up(self) -> Self:
        """`instep up A B` for each link, and waits until all are in step."""
        for one, other in self.links:
            self.instep("up", self.folders[one], self.address(other))
        self.wait()
        return self

    def address(self, number: int) -> Name:
        """What the others call this folder."""
        return self.folders[number]

    def down(self, *, check: bool = True) -> None:
        """Stops all cleanly."""
        for folder in self.folders:
            if folder.exists():
                self.instep("down", folder, check=check)

    def status(self, folder: Path) -> dict[str, Any]:
        """`instep status --json` of a folder. ConnectionError if its process can't be asked now."""
        done = self.instep("status", "--json", folder, check=False)
        if not done.out:
            raise ConnectionError(done.err)
        return json.loads(done.out)

    def wait(self, *folders: Path) -> None:
        """Until all that is in the folders (default: all) now is where they are linked to, too."""
        for folder in folders or self.folders:
            self.instep("wait", "--timeout", str(LIMIT_S), folder, limit_s=LIMIT_S + 10)

    def wait_not(self, folder: Path) -> None:
        """The folder says that it is not in step, and a `wait` for it ends with no."""
        assert not self.status(folder)["in_step"]
        assert self.instep("wait", "--timeout", "0.2", folder, check=False).code == 1

    def settle(self) -> None:
        """Until all are in step and equal: what came in while another was asked may need another round."""
        eventually(lambda: (self.wait(), not self.differences())[1], "equal trees")

    def differences(self) -> list[str]:
        """One line for each path that is not in all folders as it is in the first."""
        first, *others = self.folders
        return [line for other in others for line in differences(first, other)]

    def assert_equal(self) -> None:
        """Settled, and every path the same everywhere."""
        self.settle()
        assert self.differences() == []

    # the processes

    def processes(self, folder: Path | None = None) -> list[int]:
        """Live processes started through this; those whose command line names `folder`, when given."""
        return [
            pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self._is_ours(pid, folder)
        ]

    def _is_ours(self, pid: int, folder: Path | None) -> bool:
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        named = folder is None or os.fsencode(folder) in words
        return named and f"{_MARK}={self._mark}".encode() in environment and pid != os.getpid()

    def daemon(self, folder: Path) -> int:
        """The process id of the folder's daemon, from its status or, failing that, by its command line."""
        told = self.status(folder).get("pid")
        if isinstance(told, int):
            return told
        found = self.processes(folder)
        assert found, f"no process names {folder}"
        return found[0]

    def cpu_s(self, folder: Path) -> float:
        """What the folder's process has used of a processor so far."""
        facts = Path(f"/proc/{self.daemon(folder)}/stat").read_text().rpartition(")")[2].split()
        return (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")

    def signal_one(self, pid: int, number: signal.Signals) -> None:
        """Sends a signal to one process; after SIGKILL, returns once it is gone."""
        os.kill(pid, number)
        if number == signal.SIGKILL:
            eventually(lambda: pid not in self.processes(), f"process {pid} gone")

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to every process of this cluster; after SIGKILL, returns once they are gone."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if number == signal.SIGKILL:
            eventually(lambda: not self.processes(), "all processes gone")

    # for a failed test's report

    def reports(self) -> Sequence[tuple[str, str]]:
        """What all folders have to say: (title, text) of each one's status and log."""
        return [
            (f"instep {verb} of {folder.name}", self._words(verb, folder))
            for folder in self.folders
            for verb in ("status", "log")
        ]

    def _words(self, verb: str, folder: Path) -> str:
        try:
            done = self.instep(verb, folder, check=False, limit_s=10)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        return "\n".join((done.out + done.err).splitlines()[-60:])


class Pair(Cluster):
    """Folders `a` and `b` below `top`, linked with each other."""

    def __init__(self, top: Path) -> None:
        top.mkdir(parents=True, exist_ok=True)
        super().__init__([top / "a", top / "b"], [(0, 1)])

    @property
    def a(self) -> Path:
        return self.folders[0]

    @a.setter
    def a(self, folder: Path) -> None:
        self.folders[0] = folder

    @property
    def b(self) -> Path:
        return self.folders[1]

    @b.setter
    def b(self, folder: Path) -> None:
        self.folders[1] = folder


def head(folder: Path) -> str:
    """The commit that is checked out."""
    return run_git(folder, "rev-parse", "HEAD").decode().strip()


def lock(folder: Path, name: str) -> None:
    """As a person does it: the content is in the annex only from then on."""
    eventually(lambda: not run_git(folder, "status", "--porcelain"), "the index is written")
    run_git(folder, "annex", "lock", name)
    run_git(folder, "commit", "-qam", "lock", check=False)
