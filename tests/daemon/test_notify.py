"""What a supervisor like systemd is told, heard on a real socket of its kind."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from instep.daemon.board import StatusBoard
from instep.daemon.notify import Supervisor

PATIENCE_S = 10.0


class Heard:
    """The supervisor's end."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        self._socket.settimeout(PATIENCE_S)

    def line(self) -> str:
        return self._socket.recv(4096).decode()

    def close(self) -> None:
        self._socket.close()


class NoLog:
    def append(self, event: str, text: str, facts: dict[str, object]) -> None: ...


@pytest.fixture
def heard(isolated_home: Path) -> Iterator[tuple[Heard, str]]:
    path = f"{isolated_home}/notify-{os.getpid()}"
    there = Heard(path)
    yield there, path
    there.close()
    os.unlink(path)


def test_ready_and_stopping(heard: tuple[Heard, str]) -> None:
    there, path = heard
    supervisor = Supervisor({"NOTIFY_SOCKET": path})
    supervisor.say(READY="1")
    supervisor.say(STOPPING="1", STATUS="good bye")
    assert [there.line(), there.line()] == ["READY=1", "STOPPING=1\nSTATUS=good bye"]


def test_an_address_without_a_file() -> None:
    there = Heard(f"\0instep-test-{os.getpid()}")
    Supervisor({"NOTIFY_SOCKET": f"@instep-test-{os.getpid()}"}).say(READY="1")
    assert there.line() == "READY=1"
    there.close()


def test_nobody_there(tmp_path: Path) -> None:
    Supervisor({}).say(READY="1")
    Supervisor({"NOTIFY_SOCKET": str(tmp_path / "gone")}).say(READY="1")
    assert not Supervisor({"NOTIFY_SOCKET": "vsock:2:1234"}).listens


@pytest.mark.parametrize(
    ("environment", "every_s"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "3000000"}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_signs_of_life_are_given_to_who_asks(environment: dict[str, str], every_s: float) -> None:
    assert Supervisor(environment).sign_of_life_every_s == every_s


@pytest.mark.anyio
async def test_the_status_and_signs_of_life_are_passed_on(heard: tuple[Heard, str]) -> None:
    there, path = heard
    board = StatusBoard("/folder", NoLog())
    board.remote("nas")
    board.started()
    lines = set[str]()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Supervisor({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000"}).follow, board)
        lines = {await anyio.to_thread.run_sync(there.line) for _ in range(3)}
        tasks.cancel_scope.cancel()
    assert lines == {"WATCHDOG=1", "STATUS=waiting, not with nas"}
