"""Starting and stopping a folder's background process.

The process has a session of its own, `/` as its directory, nothing on standard input, and a file in the
state directory for its output. It tells through a pipe when the folder answers, or in one sentence why it
can't; so `up` returns when things work, and never in hope.

Python takes as long to load what the process needs as `up` takes to look at the folder, so they do it at the
same time: the process touches nothing before it is told, on its standard input, to begin. If whoever started
it ends, or thinks better of it, it ends too.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from instep.core.errors import InstepError
from instep.core.faults import try_again
from instep.daemon.client import NoAnswer, NotRunning, answerer, ask
from instep.daemon.lock import holder
from instep.daemon.places import git_dir_of, is_kept, mark_stopped, output_file

BACKGROUND: tuple[str, ...] = (sys.executable, "-m", "instep.daemon")
"""The command of a background process; the folder and the descriptor to be told follow."""

OF_THE_SUPERVISOR = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
"""What the environment says to a process that systemd supervises is not meant for another."""

READY_WITHIN_S = 600.0
"""A million files that are adopted are looked at once before the folder answers."""
STOP_WITHIN_S = 15.0
_END_WITHIN_S = 5.0
_MAX_OUTPUT_BYTES = 1024 * 1024


class StartFailed(InstepError):
    """The background process ended, or is stuck, before the folder answered."""


class StopFailed(InstepError):
    """The background process did not end."""


class Starting:
    """A background process that was started and has not said yet that it is ready. It begins its work when
    it is waited for."""

    def __init__(self, root: Path, command: Sequence[str] = BACKGROUND) -> None:
        self._root = root
        self._output = output_file(root)
        ready, tell = os.pipe()
        try:
            with open(self._output, "ab") as output:
                if output.tell() > _MAX_OUTPUT_BYTES:
                    output.truncate(0)
                self._offset = output.tell()
                self._process = subprocess.Popen(
                    [*command, os.fspath(root), str(tell)],
                    env={name: value for name, value in os.environ.items() if name not in OF_THE_SUPERVISOR},
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    cwd="/",
                    start_new_session=True,
                    pass_fds=(tell,),
                )
        except BaseException:
            os.close(ready)
            raise
        finally:
            os.close(tell)
        self._ready = ready

    def wait(self, within_s: float = READY_WITHIN_S) -> int:
        """Return the process's id once the folder answers. Raises StartFailed with its own sentence."""
        assert self._process.stdin is not None
        try:
            with suppress(BrokenPipeError), self._process.stdin as word:
                word.write(b"\n")
            message = _read_message(self._ready, time.monotonic() + within_s)
        finally:
            os.close(self._ready)
        if message is None:
            raise StartFailed(
                f"The process of {self._root} (number {self._process.pid}) is still starting.",
                "See how it gets on: instep status",
            )
        if "pid" in message:
            self._process.returncode = 0  # it lives on without us: no complaint that we did not wait for it
            return message["pid"]
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_WITHIN_S)
        if "error" in message:
            error = message["error"]
            raise StartFailed(error["text"], error["fix"], exit_code=error["exit"])
        *_, words = self._said() or ["it said nothing"]
        raise StartFailed(
            f"The background process of {self._root} ended at once: {words}",
            try_again(words, f"Its whole output is in {self._output}"),
        )

    def cancel(self) -> None:
        """In place of `wait`: nothing is to begin."""
        assert self._process.stdin is not None
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        os.close(self._ready)

    def _said(self) -> list[str]:
        """The lines of its output."""
        with open(self._output, "rb") as output:
            output.seek(self._offset)
            return output.read().decode(errors="replace").strip().splitlines()


class Launch:
    """How background processes are started; tests hand in another command. Used by one thread at a time for
    one folder."""

    def __init__(self, command: Sequence[str] = BACKGROUND) -> None:
        self._command = command
        self._ahead: dict[Path, Starting] = {}

    def load_ahead(self, root: Path) -> None:
        """Have a process loaded for a folder that was kept in step before and that nobody keeps now. `close`
        ends it if it is not started until then. Whatever is in the way is said by who looks at the folder."""
        with suppress(OSError, InstepError):
            git_dir = git_dir_of(root) if root not in self._ahead else None
            if git_dir is not None and is_kept(root) and holder(git_dir) is None:
                self._ahead[root] = Starting(root, self._command)

    def start(self, root: Path) -> Starting:
        """To be waited for."""
        return self._ahead.pop(root, None) or Starting(root, self._command)

    def close(self) -> None:
        """Idempotent."""
        while self._ahead:
            self._ahead.popitem()[1].cancel()


def _read_message(fd: int, deadline: float) -> dict[str, Any] | None:
    """One JSON line from a pipe; {} if it ends without one, None if time is up."""
    data = b""
    while not data.endswith(b"\n"):
        readable, _, _ = select.select([fd], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
            return None
        piece = os.read(fd, 4096)
        if not piece:
            return {}
        data += piece
    return json.loads(data)


def tell_ready(fd: int, message: dict[str, object]) -> None:
    """The other end of that pipe: say it and close. Nobody may be listening any more."""
    with suppress(OSError):
        os.write(fd, json.dumps(message).encode() + b"\n")
    with suppress(OSError):
        os.close(fd)


def may_begin() -> bool:
    """In the process: wait for the word to begin; False if it is not wanted. Standard input is empty then."""
    word = os.read(0, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return bool(word)


def stop(root: Path, within_s: float = STOP_WITHIN_S, *, for_good: bool = True) -> bool:
    """End the folder's process cleanly and return when it is gone; False if there was none. `for_good`: until
    it is started by `up` again, nobody who calls starts it. Raises StopFailed."""
    git_dir, pid = git_dir_of(root), None
    if git_dir is not None and is_kept(root):
        if for_good:
            with suppress(OSError):  # a full disk keeps nobody from stopping
                mark_stopped(git_dir, True)
        pid = holder(git_dir)
    if pid is None:  # where the folder is gone, so is its lock
        pid = answerer(root)
    if pid is None:
        return False
    end(root, pid, within_s)
    return True


def end(root: Path, pid: int, within_s: float = STOP_WITHIN_S) -> None:
    """End this process of the folder cleanly and return when it is gone.

    It is asked over the socket; one that does not answer there gets SIGTERM. Raises StopFailed.
    """
    try:
        gone = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        try:
            ask(root, "stop", answer_within_s=5.0)
        except (NotRunning, NoAnswer):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        ended, _, _ = select.select([gone], [], [], within_s)
    finally:
        os.close(gone)
    if not ended:
        raise StopFailed(
            f"Process {pid} of {root} does not end.", f"End it by force, nothing is lost: kill -9 {pid}"
        )
