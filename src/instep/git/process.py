"""Starting git, for one answer or to stay: the only place in instep where a git process begins.

Every git that is started here has an environment in which nothing of the caller's repository leaks in, and no
hook, filter, pager, prompt or automatic housekeeping can run. What git writes itself it also syncs (I10).

A `Pipe` is one lasting process that answers requests. It is started when first needed, started again if it
died (`git gc` in a small machine, the out-of-memory killer), and ended when idle or when instep ends: git
ends by itself as soon as its input closes.
"""

import os
import subprocess
import sysconfig
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, TypeVar

from instep.core.faults import try_again
from instep.git.errors import GitError, sentence

T = TypeVar("T")
Argument = str | bytes

_LOCAL = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_CONFIG",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_PARAMETERS",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_QUARANTINE_PATH",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
        "GIT_INTERNAL_SUPER_PREFIX",
    }
)
"""What would make git act on another repository than it is told to (`rev-parse --local-env-vars`)."""

_SAFE = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.fsync=all",  # I10
    "core.quotePath=false",
    "filter.annex.process=",
    "filter.annex.clean=",
    "filter.annex.smudge=",
    "gc.auto=0",
    "maintenance.auto=false",
)

END_WITHIN_S = 5.0


def git_environment() -> dict[str, str]:
    """The environment for every git and git-annex process: no prompts, plain English, nobody's repository.

    PATH begins with the directory of this interpreter's scripts: git's hooks and filters find git-annex
    there.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _LOCAL}
    scripts = sysconfig.get_path("scripts")
    path = environment.get("PATH", os.defpath)
    if scripts not in path.split(os.pathsep):
        path = scripts + os.pathsep + path
    environment.update(
        PATH=path,
        LC_ALL="C",
        LANGUAGE="",
        GIT_TERMINAL_PROMPT="0",
        GIT_OPTIONAL_LOCKS="0",
        GIT_NO_REPLACE_OBJECTS="1",
        GIT_PAGER="cat",
    )
    return environment


def run_at(folder: bytes, *args: Argument) -> subprocess.CompletedProcess[bytes]:
    """Runs git where no repository is known yet. Raises OSError if git or the folder is not there."""
    command = ["git", *_settings(()), *args]
    return subprocess.run(command, capture_output=True, check=False, env=git_environment(), cwd=folder)


def _settings(more: Sequence[str]) -> list[Argument]:
    return [part for item in (*_SAFE, *more) for part in ("-c", item)]


class Git:
    """How to start git for one repository. Safe to use from several threads."""

    def __init__(self, git_dir: bytes, root: bytes, *, bare: bool) -> None:
        self.git_dir = git_dir
        self.cwd = git_dir if bare else root
        self._environment = {
            os.fsencode(name): os.fsencode(value) for name, value in git_environment().items()
        }
        self._environment[b"GIT_DIR"] = git_dir
        if not bare:
            self._environment[b"GIT_WORK_TREE"] = root

    def run(
        self,
        *args: Argument,
        input: bytes = b"",
        check: bool = True,
        config: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> bytes:
        """Runs one git command to its end; gives its output. Raises GitError unless `check` is False."""
        done = self.result(*args, input=input, config=config, environment=environment)
        if check and done.returncode != 0:
            name = os.fsdecode(args[0])
            text = sentence(done.stderr, f"git {name} ended with status {done.returncode}")
            raise GitError(text, try_again(text, ""), status=done.returncode)
        return done.stdout

    def result(
        self,
        *args: Argument,
        input: bytes = b"",
        config: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs one git command to its end, whatever that is; `environment` is added to its own. Raises
        GitError if git can't be started."""
        command = self.command(*args, config=config)
        more = {os.fsencode(name): os.fsencode(value) for name, value in (environment or {}).items()}
        try:
            return subprocess.run(
                command,
                input=input,
                capture_output=True,
                check=False,
                env=self._environment | more,
                cwd=self.cwd,
            )
        except OSError as error:
            raise _not_started(error) from error

    def command(self, *args: Argument, config: Sequence[str] = ()) -> list[Argument]:
        """The command line of a git command with everything off that could run other programs."""
        return ["git", *_settings(config), *args]

    def start(
        self, *args: Argument, stdin: int | IO[bytes], stderr: int, config: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        """Starts a git command whose output is read as it comes. Raises GitError if git can't be started."""
        command = self.command(*args, config=config)
        try:
            return subprocess.Popen(
                command,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=self._environment,
                cwd=self.cwd,
            )
        except OSError as error:
            raise _not_started(error) from error


def _not_started(error: OSError) -> GitError:
    fix = try_again(error, "Is git installed, and the folder still there?")
    return GitError(f"git can't be started: {error.strerror}.", fix)


class Complaints:
    """What a process writes to its standard error, kept in memory until somebody asks."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("git-stderr")

    def read(self) -> bytes:
        return os.pread(self.fd, 65536, 0)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class PipeBroken(Exception):
    """The process ended before it answered; `stderr` is what it said."""

    def __init__(self, stderr: bytes, status: int) -> None:
        super().__init__(stderr)
        self.stderr = stderr
        self.status = status


class Pipe:
    """One lasting git process, asked by one thread at a time (others wait)."""

    def __init__(self, git: Git, *args: Argument) -> None:
        self._git = git
        self._args = args
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._complaints: Complaints | None = None

    def ask(self, request: bytes, read_answer: Callable[[IO[bytes]], T], *, retry: bool = True) -> T:
        """Sends a request (short enough for a pipe, 64 KiB) and reads its answer.

        `read_answer` reads exactly the answer and raises EOFError where the stream ends too early; then the
        process has died, and with `retry` the request is put to a new one, once. Raises PipeBroken.
        """
        with self._lock:
            fresh = self._process is None
            try:
                return self._ask_once(request, read_answer)
            except PipeBroken:
                if fresh or not retry:
                    raise
            return self._ask_once(request, read_answer)

    @property
    def pid(self) -> int | None:
        """The running process, if there is one."""
        process = self._process
        return process.pid if process else None

    def close(self) -> None:
        """Ends the process; the next request starts it again."""
        with self._lock:
            self._end()

    def _ask_once(self, request: bytes, read_answer: Callable[[IO[bytes]], T]) -> T:
        process = self._process or self._begin()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(request)
            process.stdin.flush()
            return read_answer(process.stdout)
        except (BrokenPipeError, EOFError) as error:
            stderr, status = self._end()
            raise PipeBroken(stderr, status) from error
        except BaseException:
            self._end()  # half an answer may still be on its way
            raise

    def _begin(self) -> subprocess.Popen[bytes]:
        self._complaints = Complaints()
        try:
            self._process = self._git.start(*self._args, stdin=subprocess.PIPE, stderr=self._complaints.fd)
        except BaseException:
            self._complaints.close()
            self._complaints = None
            raise
        return self._process

    def _end(self) -> tuple[bytes, int]:
        process, complaints = self._process, self._complaints
        self._process = self._complaints = None
        if process is None or complaints is None:
            return b"", 0
        status = finish(process)
        stderr = complaints.read()
        complaints.close()
        return stderr, status


def finish(process: subprocess.Popen[bytes], within_s: float = END_WITHIN_S) -> int:
    """End a process that is spoken to over its standard input and output: close them, wait for its end, and
    give its status; kill what does not end in time. Idempotent."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):  # it died with a request unread; the caller knows
                stream.close()
    try:
        return process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
