"""Asking a folder's process, synchronously: plain sockets and JSON, so that the command line starts fast.

The requests are described in `daemon.requests`; this side writes them as plain dictionaries on purpose
(decoding with types costs 40 ms of start-up).
"""

import json
import socket
import struct
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from instep.core.errors import InstepError
from instep.daemon.places import is_kept, kept_around
from instep.remotes.socket_path import find_socket

Answer = dict[str, Any]

_CHUNK_BYTES = 65536
_CREDENTIALS = struct.Struct("3i")


class NotRunning(InstepError):
    """No process answers for this folder: to a question about it, the answer is no."""

    exit_code = 1

    def __init__(self, root: Path) -> None:
        around = None if is_kept(root) else kept_around(root)
        if around is None:
            text, fix = "no process is running.", f"Start it: instep up {root}"
        else:
            text = f"it is a repository of its own inside {around}, and left alone."
            fix = f"To keep it in step too, move it out of {around} first."
        super().__init__(f"{root} is not being kept in step: {text}", fix)


class NoAnswer(InstepError):
    """The process took the request and went away, or is stuck."""

    def __init__(self, root: Path, why: str) -> None:
        super().__init__(f"The process of {root} did not answer: {why}.", "The log says more: instep log")


def ask(root: Path, method: str, *, answer_within_s: float | None = 30.0, **params: object) -> Answer:
    """One request, one result. Raises NotRunning, NoAnswer, or the error that the process answers with."""
    with connected(root, answer_within_s) as conversation:
        conversation.send(method, **params)
        return conversation.result()


def is_running(root: Path) -> bool:
    """Whether a process answers for the folder."""
    try:
        ask(root, "status")
    except NotRunning:
        return False
    return True


def answerer(root: Path) -> int | None:
    """The id of the process that answers for the folder, as the kernel tells it; None if there is none."""
    try:
        with connected(root, 1.0) as conversation:
            return conversation.peer
    except (NotRunning, NoAnswer):
        return None


def watch(root: Path) -> Generator[Answer]:
    """The status now, and again, whole, after every change; ends when the process does."""
    with connected(root, None) as conversation:
        conversation.send("watch")
        status: Answer = {}
        while (message := conversation.read()) is not None:
            status = message["snapshot"] if "snapshot" in message else {**status, **message["delta"]}
            yield status


class Conversation:
    """One connection: a request, and the lines that come back."""

    def __init__(self, root: Path, connection: socket.socket) -> None:
        self._root = root
        self._connection = connection
        self._left = b""

    @property
    def peer(self) -> int:
        """The id of the process at the other end."""
        answer = self._connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        return _CREDENTIALS.unpack(answer)[0]

    def send(self, method: str, **params: object) -> None:
        """Put the one request."""
        try:
            self._connection.sendall(json.dumps({"method": method, **params}).encode() + b"\n")
        except OSError as error:
            raise NoAnswer(self._root, error.strerror or str(error)) from error

    def read(self) -> Answer | None:
        """The next line, or None at the end."""
        while b"\n" not in self._left:
            try:
                data = self._connection.recv(_CHUNK_BYTES)
            except TimeoutError:
                raise NoAnswer(self._root, "time is up") from None
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self._left += data
        line, _, self._left = self._left.partition(b"\n")
        return json.loads(line)

    def result(self) -> Answer:
        """The result of the request; raises the error that it is answered with."""
        message = self.read()
        if message is None:
            raise NoAnswer(self._root, "it ended")
        if "error" in message:
            error = cast(dict[str, Any], message["error"])
            raise InstepError(error["text"], error["fix"], exit_code=error["exit"])
        return message["result"]


@contextmanager
def connected(root: Path, answer_within_s: float | None) -> Generator[Conversation]:
    """A connection with the folder's process. Raises NotRunning."""
    path = find_socket(root)
    if path is None:
        raise NotRunning(root)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(answer_within_s)
        try:
            connection.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunning(root) from None
        except OSError as error:
            raise NoAnswer(root, error.strerror or str(error)) from error
        yield Conversation(root, connection)
