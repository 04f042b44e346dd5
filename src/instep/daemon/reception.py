"""The far end of a connection over ssh, on the folder's computer: what `instep link DIR` does.

It greets, answers requests (`remotes.reception`) one after another, and ends as a bridge to the folder's
process. What it may do is limited to the one folder that its command line names; with a forced command in
`authorized_keys` that is all that a key is good for.
"""

import os
import socket
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from instep.core.errors import InstepError
from instep.core.status import shown
from instep.daemon.lock import assistant, holder
from instep.daemon.places import git_dir_of, is_kept, is_stopped
from instep.daemon.process import StartFailed, Starting
from instep.remotes.bridge import bridge, write_all
from instep.remotes.dial import PREAMBLE
from instep.remotes.reception import GREETING, STOPPED, Message, decode_line, encode_line
from instep.remotes.socket_path import find_socket

BUSY_EVERY_S = 5.0
MAX_REQUEST_BYTES = 1 << 20

Answer = Callable[[Message], Message]
Start = Callable[[Path], Starting]


class StoppedHere(InstepError):
    """A person stopped the folder's process; only a person starts it again."""

    def __init__(self, root: Path) -> None:
        super().__init__(f"{root} was stopped there by hand.", f"Start it again there: instep up {root}")


class NotKept(InstepError):
    """There is nothing at the path, or something that is no folder of instep's."""

    def __init__(self, root: Path) -> None:
        what = "is not kept in step there" if root.exists() else "does not exist there"
        super().__init__(f"{root} {what}.", "Connect the two folders again: instep up DIR REMOTE")


class Reception:
    """One caller, who writes to the descriptor `source` and reads from `sink`. `answers`: what can be asked
    beside the link, by the request's `do`. `start`: how the folder's process is started."""

    def __init__(
        self, root: Path, source: int, sink: int, start: Start, answers: Mapping[str, Answer]
    ) -> None:
        self._root = root
        self._source = source
        self._sink = sink
        self._start = start
        self._answers = answers
        self._writing = threading.Lock()

    def serve(self) -> int:
        """Greet and answer until the caller is gone or has had its link; returns the exit status."""
        status = 0
        with suppress(BrokenPipeError):
            write_all(self._sink, GREETING)
            while (line := _read_line(self._source)) is not None:
                try:
                    connection = self._take(line)
                except (InstepError, OSError) as error:
                    self._say({"error": _facts(error)})
                    status = 2
                    continue
                if connection is not None:
                    with connection:
                        bridge(self._source, self._sink, connection)
                    return 0
        return status

    def _take(self, line: bytes) -> socket.socket | None:
        """Answer one request; for a link, return the connection to be bridged."""
        request = decode_line(line)
        connection: socket.socket | None = None
        answer: Message = {}
        with self._saying_busy():
            match request.get("do"):
                case "link":
                    connection = connect(self._root, self._start)
                case str(what) if what in self._answers:
                    answer = self._answers[what](request)
                case what:
                    raise InstepError(
                        f"The instep there can't do this: {what}.", "Update the older of the two."
                    )
        self._say({"ok": answer})
        return connection

    @contextmanager
    def _saying_busy(self) -> Generator[None]:
        """So that a caller can tell work that takes long from a dead connection."""
        done = threading.Event()

        def say() -> None:
            with suppress(OSError):
                while not done.wait(BUSY_EVERY_S):
                    self._say({"busy": True})

        thread = threading.Thread(target=say, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _say(self, message: Message) -> None:
        with self._writing:
            write_all(self._sink, encode_line(message))


def connect(root: Path, start: Start) -> socket.socket:
    """A connection to the folder's process, with the preamble of a link said; the process is started if it
    does not run. Raises InstepError, OSError."""
    git_dir = git_dir_of(root)
    if git_dir is None or not is_kept(root):
        raise NotKept(root)
    connection = _connected(root)
    if connection is None:
        if is_stopped(git_dir):
            raise StoppedHere(root)
        if assistant(git_dir) is not None:
            raise InstepError(
                f"git-annex's assistant keeps {root} in step there.",
                "Let only one of the two do it: git annex assistant --stop",
            )
        try:
            start(root).wait()
        except StartFailed:
            if holder(git_dir) is None:  # else somebody else was a little faster
                raise
        connection = _connected(root)
    if connection is None:
        raise StartFailed(f"The process of {root} runs but does not answer.", f"See there: instep log {root}")
    connection.sendall(PREAMBLE)
    return connection


def _connected(root: Path) -> socket.socket | None:
    path = find_socket(root)
    if path is None:
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(os.fspath(path))
    except OSError as error:
        connection.close()
        if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
            return None
        raise
    return connection


def _read_line(source: int) -> bytes | None:
    """The next line; None at the end. Byte by byte: what follows the last request is the link's."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(source, 1)
        if not byte or len(line) >= MAX_REQUEST_BYTES:
            return None
        line += byte
    return line


def _facts(error: InstepError | OSError) -> Message:
    if isinstance(error, InstepError):
        kind = STOPPED if isinstance(error, StoppedHere) else ""
        return {"text": error.text, "fix": error.fix, "kind": kind}
    name = f": {shown(os.fsencode(error.filename))}" if isinstance(error.filename, str | bytes) else ""
    return {"text": f"{error.strerror or error}{name}", "fix": "", "kind": ""}
