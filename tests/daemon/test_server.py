"""The local socket: requests, streams and links on one listener, and clients that misbehave."""

import errno
import json
import os
import stat
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from instep.core.types import RelPath
from instep.core.why import Why
from instep.daemon.board import StatusBoard
from instep.daemon.requests import MAX_REQUEST_BYTES
from instep.daemon.server import Server, listen
from instep.daemon.troubles import Troubles
from tests.daemon.fake_service import FakeService

pytestmark = pytest.mark.anyio


class Silent:
    def append(self, event: str, text: str, facts: dict[str, object]) -> None:
        pass


class Running:
    """A server on a socket, with its parts in reach."""

    def __init__(self, path: Path, clients: AsyncExitStack) -> None:
        self.path = path
        self._clients = clients
        self.board = StatusBoard("/f", Silent())
        self.board.started()
        self.service = FakeService(self.board)
        self.stopped = anyio.Event()
        self.server = Server(self.board, Troubles(self.board), self.stopped.set)

    async def connect(self, first: bytes) -> SocketStream:
        """A client that says `first`; it stays until the server is gone, if the test does not close it."""
        stream = await self._clients.enter_async_context(await anyio.connect_unix(self.path))
        await stream.send(first)
        return stream

    async def ask(self, line: bytes) -> dict[str, Any]:
        async with await anyio.connect_unix(self.path) as stream:
            await stream.send(line + b"\n")
            return await Reader(stream).line()


class Reader:
    def __init__(self, stream: SocketStream) -> None:
        self._buffered = BufferedByteReceiveStream(stream)

    async def line(self) -> dict[str, Any]:
        return json.loads(await self._buffered.receive_until(b"\n", 1 << 20))


@asynccontextmanager
async def running(path: Path, *, ready: bool = True) -> AsyncGenerator[Running]:
    async with (
        AsyncExitStack() as clients,
        await listen(path) as listener,
        anyio.create_task_group() as tasks,
    ):
        run = Running(path, clients)
        if ready:
            run.server.use(run.service)
        tasks.start_soon(run.server.serve, listener)
        with anyio.fail_after(20):
            yield run
        tasks.cancel_scope.cancel()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s"


async def test_only_the_owner_can_connect(path: Path) -> None:
    async with running(path):
        assert stat.S_IMODE((await anyio.Path(path).stat()).st_mode) == 0o600


async def test_status(path: Path) -> None:
    async with running(path) as run:
        run.board.head("aa")
        answer = await run.ask(b'{"method":"status"}')
        assert answer["result"]["in_step"] is True
        assert answer["result"]["head"] == "aa"


async def test_status_is_there_before_the_folder_is_ready(path: Path) -> None:
    async with running(path, ready=False) as run:
        assert "result" in await run.ask(b'{"method":"status"}')
        run.board.pending("looks", 1)
        answer = await run.ask(b'{"method":"wait","timeout":0}')
        assert answer["result"] == {"done": False, "outstanding": ["1 looks"]}


async def test_what_comes_early_waits_for_the_folder(path: Path) -> None:
    async with running(path, ready=False) as run:
        link = await run.connect(b"instep-link 1\nframe")
        asker = await run.connect(b'{"method":"wait"}\n')
        await run.ask(b'{"method":"status"}')
        run.server.use(run.service)
        assert await link.receive() == b"frame"
        assert (await Reader(asker).line())["result"]["done"] is True


@pytest.mark.parametrize(
    "line", [b"hello", b"{}", b'{"method":"nothing"}', b'{"method":"wait","timeout":"x"}', b"\xff\xfe", b""]
)
async def test_nonsense_gets_a_sentence(path: Path, line: bytes) -> None:
    async with running(path) as run:
        assert "not understood" in (await run.ask(line))["error"]["text"]


async def test_a_request_without_end_is_refused(path: Path) -> None:
    async with running(path) as run:
        answer = await run.ask(b"{" + b" " * MAX_REQUEST_BYTES)
        assert "too long" in answer["error"]["text"]


async def test_wait_is_answered_when_in_step(path: Path) -> None:
    async with running(path) as run:
        run.board.pending("changes", 1)
        answers: list[dict[str, Any]] = []

        async def ask() -> None:
            answers.append(await run.ask(b'{"method":"wait","timeout":30}'))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            while not run.service.waiting:
                await anyio.wait_all_tasks_blocked()
            run.board.pending("changes", 0)
        assert answers == [{"result": {"done": True, "outstanding": []}}]


async def test_wait_says_what_is_outstanding_when_time_is_up(path: Path) -> None:
    async with running(path) as run:
        run.board.pending("changes", 1)
        answer = await run.ask(b'{"method":"wait","timeout":0}')
        assert answer == {"result": {"done": False, "outstanding": ["1 changes"]}}


async def test_wait_for_an_unknown_remote(path: Path) -> None:
    async with running(path) as run:
        answer = await run.ask(b'{"method":"wait","remote":"nobody"}')
        assert answer["error"] == {
            "text": "There is no remote nobody.",
            "fix": "See: instep remote list",
            "exit": 2,
        }


async def test_an_asker_who_leaves_ends_the_request(path: Path) -> None:
    async with running(path) as run:
        run.board.pending("changes", 1)
        stream = await run.connect(b'{"method":"wait"}\n')
        while not run.service.waiting:
            await anyio.wait_all_tasks_blocked()
        await stream.aclose()
        while run.service.waiting:
            await anyio.wait_all_tasks_blocked()


async def test_watch_is_a_snapshot_and_then_numbered_deltas(path: Path) -> None:
    async with running(path) as run:
        stream = await run.connect(b'{"method":"watch"}\n')
        reader = Reader(stream)
        first = await reader.line()
        assert first["n"] == 1
        assert first["snapshot"]["in_step"] is True
        run.board.pending("changes", 2)
        assert await reader.line() == {
            "n": 2,
            "delta": {"in_step": False, "state": "syncing", "outstanding": ["2 changes"]},
        }


async def test_a_slow_watcher_gets_what_is_so_now(path: Path) -> None:
    """However much happens while it does not read, what it gets next ends in the status that is."""
    async with running(path) as run:
        stream = await run.connect(b'{"method":"watch"}\n')
        reader = Reader(stream)
        status = (await reader.line())["snapshot"]
        for count in range(10_000):
            run.board.head(f"{count:040x}")
            run.board.activity("commit", f"{count}")
        lines = 0
        while status["head"] != f"{9_999:040x}":
            status.update((await reader.line())["delta"])
            lines += 1
        assert lines <= 2
        assert status["activity"] == {"commit": "9999"}


async def test_a_link_gets_every_byte_after_the_preamble(path: Path) -> None:
    async with running(path) as run:
        stream = await run.connect(b"instep-link 1\n\x00\x01frame")
        received = b""
        while len(received) < 7:
            received += await stream.receive()
        assert received == b"\x00\x01frame"
        assert b"".join(run.service.links) == b"\x00\x01frame"


async def test_a_link_ends_with_the_folder_that_it_was_given_to(path: Path) -> None:  # I29
    async with running(path) as run:
        stream = await run.connect(b"instep-link 1\nx")
        assert await stream.receive() == b"x"
        run.server.use(None)
        with pytest.raises(anyio.EndOfStream):
            await stream.receive()


async def test_that_remotes_changed_is_passed_on(path: Path) -> None:
    async with running(path) as run:
        await run.ask(b'{"method":"remotes-changed"}')
        assert [remote.name for remote in run.board.status().remotes] == ["changed"]


async def test_stop_keeps_the_connection_until_the_end(path: Path) -> None:
    async with running(path) as run:
        stream = await run.connect(b'{"method":"stop"}\n')
        assert "pid" in (await Reader(stream).line())["result"]
        await run.stopped.wait()


async def test_one_bad_client_disturbs_no_other(path: Path) -> None:  # I25
    async with running(path) as run:
        quiet = await run.connect(b"")
        half = await run.connect(b'{"meth')
        assert "result" in await run.ask(b'{"method":"status"}')
        await quiet.aclose()
        await half.aclose()
        assert "result" in await run.ask(b'{"method":"status"}')


async def test_what_fails_is_answered(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # I26 I29
    """Nothing but an end would look as if the process had ended."""

    async def fail(name: RelPath) -> Why:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), os.fsdecode(name))

    async with running(path) as run:
        monkeypatch.setattr(run.service, "why", fail)
        answer = await run.ask(b'{"method": "why", "path": "x"}')
        assert "Too many open files" in answer["error"]["text"]
        assert "ulimit -n" in answer["error"]["fix"]
