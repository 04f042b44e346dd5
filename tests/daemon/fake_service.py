"""A service without a folder behind it, for tests of everything that asks one."""

from collections.abc import Callable

import anyio
from anyio.abc import ByteStream

from instep.core.errors import InstepError
from instep.core.types import RelPath
from instep.core.why import Why
from instep.daemon.board import StatusBoard


class FakeService:
    """Waits until the board says "in step"; remembers what it was told; a link gets its bytes back."""

    def __init__(self, board: StatusBoard, show_remotes: Callable[[], None] | None = None) -> None:
        self.board = board
        self.show_remotes = show_remotes or (lambda: board.remote("changed"))
        self.waiting = 0
        self.links: list[bytes] = []

    async def wait(self, remote: str | None) -> None:
        if remote is not None and remote not in [known.name for known in self.board.status().remotes]:
            raise InstepError(f"There is no remote {remote}.", "See: instep remote list")
        self.waiting += 1
        try:
            version = 0
            while not self.board.status().in_step:
                version = await self.board.changed(version)
        finally:
            self.waiting -= 1

    def outstanding(self, remote: str | None) -> list[str]:
        return self.board.status().outstanding

    async def why(self, path: RelPath) -> Why:
        return Why(path=path.decode(errors="replace"), kind="nothing", reasons=["nobody is asked here"])

    async def remotes_changed(self) -> None:
        self.show_remotes()

    async def accept_link(self, stream: ByteStream) -> None:
        try:
            while True:
                data = await stream.receive()
                self.links.append(data)
                await stream.send(data)
        except anyio.EndOfStream:
            return
