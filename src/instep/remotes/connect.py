"""A connection to another folder's process, wherever that is."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from anyio.abc import ByteStream

from instep.remotes.dial import LocalPath, SshAddress, connect_local
from instep.remotes.ssh import connect_ssh
from instep.remotes.ssh_program import SshProgram


@asynccontextmanager
async def connect(
    address: LocalPath | SshAddress, program: Callable[[], SshProgram]
) -> AsyncGenerator[tuple[ByteStream, bytes]]:
    """A connection that is ready for `open_link`, and the first bytes of the link that came already.

    `program`: the ssh to use, asked for when one is needed. The connection ends with the block. Raises
    LinkError.
    """
    match address:
        case LocalPath(path):
            async with await connect_local(path) as stream:
                yield stream, b""
        case SshAddress():
            async with connect_ssh(address, program()) as (stream, early):
                yield stream, early
