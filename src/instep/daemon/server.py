"""The folder's local socket: one listener for people's requests and for other folders' links.

The first line tells them apart: `instep-link N` is another folder's process and goes to the service; a JSON
object is a request (`daemon.requests`). Exactly the first line is read before a link is handed on, so its
frames are all still there.

A bad or slow client disturbs nobody: each connection has its own task, every length is bounded, and a
watcher that reads slowly gets the difference between what it last read and what is so now. (I25)
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, assert_never
from urllib.parse import unquote_to_bytes

import anyio
import msgspec
from anyio.abc import ByteReceiveStream, ByteStream, SocketListener, SocketStream, TaskGroup

from instep.core.errors import InstepError, error_sentence
from instep.core.faults import try_again
from instep.core.status import Status
from instep.core.types import RelPath
from instep.daemon.board import StatusBoard
from instep.daemon.callers import Callers
from instep.daemon.requests import (
    MAX_REQUEST_BYTES,
    AskRemotes,
    AskStatus,
    AskStop,
    AskWait,
    AskWatch,
    AskWhy,
    Request,
    decode_request,
)
from instep.daemon.service import Service
from instep.daemon.troubles import Troubles, print_traceback
from instep.remotes.dial import PREAMBLE

LINK_WORD = PREAMBLE.split()[0] + b" "
"""How a link begins; the number after it is the preamble's own version."""
FIRST_LINE_LIMIT_S = 10.0
EARLY_LINK_LIMIT_S = 60.0
WATCH_INTERVAL_S = 0.05
"""A watcher is told at most this often; what happens between is one delta."""
ACCEPT_AGAIN_S = 1.0


async def listen(path: Path) -> SocketListener:
    """A listener that only this user can connect to. A socket that a dead process left is replaced: the
    caller holds the folder's lock, so there is no live one."""
    return await anyio.create_unix_listener(path, mode=0o600)


class Server:
    """Answers on one listener. The status is there from the start; what needs the service waits for it, so
    a link that comes early is kept instead of being sent away to call again."""

    def __init__(self, board: StatusBoard, troubles: Troubles, stop: Callable[[], None]) -> None:
        self._service: Service | None = None
        self._service_is_there = anyio.Event()
        self._links: set[anyio.CancelScope] = set()
        self._board = board
        self._troubles = troubles
        self._stop = stop
        self.callers = Callers()
        """Other folders' processes."""

    def use(self, service: Service | None) -> None:
        """The folder is ready and answers by this; or (None) it is not, for now. The links that it was given
        before end: nobody would work for them, and the other sides would think themselves connected (I29)."""
        for link in self._links:
            link.cancel()
        if service is not None:
            self._service_is_there.set()
        elif self._service is not None:
            self._service_is_there = anyio.Event()
        self._service = service

    async def serve(self, listener: SocketListener) -> None:
        """Accept until cancelled. Running out of descriptors pauses accepting, nothing else. (I26)"""
        async with anyio.create_task_group() as connections:
            while True:
                try:
                    await listener.serve(self._connection, connections)
                except (OSError, anyio.BrokenResourceError) as error:  # the kernel's, or made of it by anyio
                    if not self._troubles.met("socket", error):
                        raise
                    await anyio.sleep(ACCEPT_AGAIN_S)

    async def _connection(self, stream: SocketStream) -> None:
        async with stream:
            try:
                with anyio.fail_after(FIRST_LINE_LIMIT_S):
                    line = await _first_line(stream)
                if line.startswith(LINK_WORD):
                    with self.callers.one_more():
                        await self._link(stream)
                else:
                    await self._answer_until_gone(stream, line)
            except (anyio.BrokenResourceError, anyio.EndOfStream, anyio.ClosedResourceError, TimeoutError):
                return  # the other side is gone
            except _MalformedError as error:
                await _send_or_leave(stream, _error(InstepError(str(error))))
            except Exception as error:  # I25 I26: whatever it is, it ends this connection only
                print_traceback(error)
                self._board.log("socket", f"A connection failed: {error_sentence(error)}")

    async def _link(self, stream: ByteStream) -> None:
        with anyio.fail_after(EARLY_LINK_LIMIT_S):
            service = await self._ready()
        with anyio.CancelScope() as scope:
            self._links.add(scope)
            try:
                await service.accept_link(stream)
            finally:
                self._links.discard(scope)

    async def _answer_until_gone(self, stream: ByteStream, line: bytes) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_when_gone, stream, tasks)
            try:
                await self._answer(stream, decode_request(line))
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                raise
            except Exception as error:
                await _send_or_leave(stream, _error(self._refusal(error)))
            tasks.cancel_scope.cancel()

    def _refusal(self, error: Exception) -> InstepError:
        """What the asker reads. Without an answer it would look as if the process had ended. # I29"""
        if isinstance(error, InstepError):
            return error
        if isinstance(error, msgspec.DecodeError):
            return InstepError(f"This request is not understood: {error}")
        print_traceback(error)
        text = f"This can't be answered now: {error_sentence(error)}"
        return InstepError(text, try_again(error, "The log says more: instep log"))

    async def _answer(self, stream: ByteStream, request: Request) -> None:
        match request:
            case AskStatus():
                await _send(stream, {"result": self._board.status()})
            case AskWatch():
                await self._watch(stream)
            case AskWait(timeout=timeout_s, remote=remote):
                await _send(stream, {"result": await self._wait(timeout_s, remote)})
            case AskWhy(path=path):
                why = await (await self._ready()).why(RelPath(unquote_to_bytes(path)))
                await _send(stream, {"result": {"why": why, "settled": why.is_settled}})
            case AskRemotes():
                await (await self._ready()).remotes_changed()
                await _send(stream, {"result": {}})
            case AskStop():
                await _send(stream, {"result": {"pid": os.getpid()}})
                self._stop()
                await anyio.sleep_forever()  # the connection's end tells the asker that the process is gone
            case _:
                assert_never(request)

    async def _wait(self, timeout_s: float | None, remote: str | None) -> dict[str, object]:
        with anyio.move_on_after(timeout_s) as limit:
            await (await self._ready()).wait(remote)
        if not limit.cancelled_caught:
            return {"done": True, "outstanding": []}
        service = self._service
        left = service.outstanding(remote) if service is not None else self._board.status().outstanding
        return {"done": False, "outstanding": left}

    async def _watch(self, stream: ByteStream) -> None:
        seen, version, number = self._board.status(), self._board.version, 1
        await _send(stream, {"n": number, "snapshot": seen})
        while True:
            version = await self._board.changed(version)
            now = self._board.status()
            delta = difference(seen, now)
            if delta:
                number += 1
                await _send(stream, {"n": number, "delta": delta})
                seen = now
                await anyio.sleep(WATCH_INTERVAL_S)

    async def _ready(self) -> Service:
        while self._service is None:
            await self._service_is_there.wait()
        return self._service


def difference(old: Status, new: Status) -> dict[str, object]:
    """The fields of the status that changed, whole."""
    return {
        name: getattr(new, name) for name in new.__struct_fields__ if getattr(new, name) != getattr(old, name)
    }


class _MalformedError(Exception):
    pass


async def _first_line(stream: ByteReceiveStream) -> bytes:
    """The first line without its end, and not one byte more. A link's line is short: read byte by byte."""
    line = b""
    while not line.endswith(b"\n"):
        careful = line == b"" or LINK_WORD.startswith(line[: len(LINK_WORD)])
        line += await stream.receive(1 if careful else 4096)
        if len(line) > MAX_REQUEST_BYTES:
            raise _MalformedError("The request is too long.")
        if not careful and b"\n" in line:
            return line[: line.index(b"\n")]
    return line[:-1]


async def _cancel_when_gone(stream: ByteReceiveStream, tasks: TaskGroup) -> None:
    try:
        while True:
            await stream.receive(4096)  # whatever else it says is of no interest
    except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        tasks.cancel_scope.cancel()


def _error(error: InstepError) -> dict[str, Any]:
    return {"error": {"text": error.text, "fix": error.fix, "exit": error.exit_code}}


async def _send(stream: ByteStream, message: dict[str, Any]) -> None:
    await stream.send(msgspec.json.encode(message) + b"\n")


async def _send_or_leave(stream: ByteStream, message: dict[str, Any]) -> None:
    with anyio.move_on_after(FIRST_LINE_LIMIT_S):
        await _send(stream, message)
