"""Two ends of a connection to test with."""

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.abc import UNIXSocketStream

from instep.remotes.frames import Frame, Hello, Ping, Pong
from instep.remotes.link import Link, open_link
from instep.remotes.liveness import Keepalive
from instep.remotes.wire import Decoder, encode
from tests.remotes.samples import hello

OURS, THEIRS = hello("11111111-ours"), hello("22222222-theirs")


async def socket_pair() -> tuple[UNIXSocketStream, UNIXSocketStream]:
    """Two connected streams."""
    ours, theirs = socket.socketpair()
    return await UNIXSocketStream.from_socket(ours), await UNIXSocketStream.from_socket(theirs)


class Raw:
    """The other side as a stranger's program would be it: frames in and out, and no manners."""

    def __init__(self, stream: UNIXSocketStream) -> None:
        self.stream = stream
        self._decoder = Decoder()

    async def send(self, *frames: Frame) -> None:
        await self.stream.send(b"".join(map(encode, frames)))

    async def receive(self) -> Frame:
        """The next frame. Raises anyio.EndOfStream, anyio.BrokenResourceError."""
        while (frame := self._decoder.next_frame()) is None:
            self._decoder.feed(await self.stream.receive())
        return frame

    async def read(self) -> Frame:
        """The next frame that is no Ping; those are answered."""
        while isinstance(frame := await self.receive(), Ping):
            await self.send(Pong(frame.n))
        return frame


@asynccontextmanager
async def link_and_raw(
    keepalive: Keepalive | None = None, ours: Hello = OURS
) -> AsyncGenerator[tuple[Link, Raw]]:
    """A link, and the bare other end of its connection with the Hellos done."""
    here, there = await socket_pair()
    raw = Raw(there)
    async with there:
        await raw.send(THEIRS)
        async with open_link(here, ours, dialled=True, keepalive=keepalive) as link:
            assert await raw.receive() == ours
            yield link, raw


@asynccontextmanager
async def link_pair() -> AsyncGenerator[tuple[Link, Link]]:
    """Two links, connected with each other."""
    here, there = await socket_pair()
    opened, done, links = anyio.Event(), anyio.Event(), list[Link]()

    async def other() -> None:
        async with open_link(there, THEIRS, dialled=False) as link:
            links.append(link)
            opened.set()
            await done.wait()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        async with open_link(here, OURS, dialled=True) as link:
            await opened.wait()
            yield link, links[0]
            done.set()


async def ends(raw: Raw) -> None:
    """The connection is closed by the other side; whatever pings are left are read."""
    try:
        while isinstance(await raw.receive(), Ping):
            pass
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        return
    pytest.fail("the connection goes on")
