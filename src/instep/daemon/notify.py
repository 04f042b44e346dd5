"""Telling systemd, or whoever supervises the process in its way, how it stands.

The protocol is sd_notify(3): datagrams of `NAME=value` lines to the Unix socket that `NOTIFY_SOCKET` names;
nothing is said where there is none. With `WATCHDOG_USEC` a sign of life goes out twice in that time from the
event loop, so that a process that hangs is noticed.
"""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

import anyio

from instep.core.status import Status
from instep.daemon.board import StatusBoard

_MICROSECONDS = 1_000_000
STATUS_AT_MOST_EVERY_S = 1.0


class Supervisor:
    """Whoever started the process and wants to be told; perhaps nobody."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self.sign_of_life_every_s = _watchdog_s(environment) / 2
        """0: it does not ask for any."""

    @property
    def listens(self) -> bool:
        """Whether anybody wants to be told."""
        return self._address.startswith(("/", "@"))

    def say(self, **facts: str) -> None:
        """Send facts, as in READY="1". Never blocks; a supervisor that is gone is none of our business."""
        if not self.listens:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        lines = "\n".join(f"{name}={value}" for name, value in facts.items())
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
            there.setblocking(False)
            there.connect(address)
            there.send(lines.encode(errors="replace"))

    async def follow(self, board: StatusBoard) -> None:
        """Pass the status on, and give signs of life, until cancelled."""
        if not self.listens:
            return
        async with anyio.create_task_group() as tasks:
            if self.sign_of_life_every_s:
                tasks.start_soon(self._live)
            version = 0
            while True:
                version = await board.changed(version)
                self.say(STATUS=_line(board.status()))
                await anyio.sleep(STATUS_AT_MOST_EVERY_S)

    async def _live(self) -> None:
        while True:
            self.say(WATCHDOG="1")
            await anyio.sleep(self.sign_of_life_every_s)


def _watchdog_s(environment: Mapping[str, str]) -> float:
    """The time within which a sign of life is wanted from this process; 0: none is."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    meant = environment.get("WATCHDOG_PID", str(os.getpid()))
    return (
        int(microseconds) / _MICROSECONDS if microseconds.isdecimal() and meant == str(os.getpid()) else 0.0
    )


def _line(status: Status) -> str:
    late = [remote.name for remote in status.remotes if not remote.in_step]
    words = status.state + (f", not with {', '.join(late)}" if late else "")
    return " ".join(words.split())
