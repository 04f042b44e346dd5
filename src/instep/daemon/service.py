"""The port between one folder's work (`daemon.folder.Folder`) and those who ask it: the local socket.

Everything here is called in the event loop. What can be read off the board (status, remotes, transfers,
conditions) is not asked here: the server reads the board itself.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from anyio.abc import ByteStream

from instep.core.types import RelPath
from instep.core.why import Why
from instep.daemon.board import StatusBoard


class Service(Protocol):
    """One running folder. Methods may overlap freely; each may be cancelled at any await."""

    async def wait(self, remote: str | None) -> None:
        """Return as soon as everything that was in the folder at the call is in step (with that remote, or
        with every reachable one). Cancelled by the server when time is up or the asker is gone. Raises
        `InstepError` for a remote that is not known."""
        ...

    def outstanding(self, remote: str | None) -> list[str]:
        """What is left of that, one short text each, for an answer when time is up. Never blocks."""
        ...

    async def why(self, path: RelPath) -> Why:
        """Where the content of the file at this path is, where it should be, and why it is not there."""
        ...

    async def remotes_changed(self) -> None:
        """Take up the remotes as git's configuration has them now. Idempotent: the watch of the configuration
        may have told it already."""
        ...

    async def accept_link(self, stream: ByteStream) -> None:
        """Serve another folder's process over this stream until it ends; the preamble line has been read.
        The server closes the stream afterwards. Errors stay inside: they are logged, not raised."""
        ...


ServiceReady = Callable[[Service], None]
"""Called once, in the event loop, when the folder can answer; `up` returns then."""

RunFolder = Callable[[Path, StatusBoard, ServiceReady], Awaitable[None]]
"""Does the folder's work until it is cancelled (a clean stop: cleanup is shielded and bounded in time).
Raises `InstepError` if the folder can't be kept in step at all; `up` prints that sentence."""
