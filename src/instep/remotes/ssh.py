"""A connection to a folder's process on another computer: one ssh process, and `instep link` at its far end.

ssh gets one end of a socket pair as its standard input and output, so the link writes to it as directly as to
a local socket. It runs in a session of its own: no terminal is there to ask at. What it says on its standard
error becomes the sentence of the error when it ends.
"""

import os
import signal
import socket
import subprocess
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import anyio
import anyio.to_thread
from anyio.abc import ByteStream, Process, UNIXSocketStream

from instep.remotes.dial import SshAddress
from instep.remotes.errors import LinkError, NeedsPerson, NoInstepThere, PeerGone
from instep.remotes.reception import Opening, encode_line
from instep.remotes.ssh_program import SshProgram, Variant, quoted
from instep.remotes.ssh_trouble import SSH_FAILED, trouble

FAR_PROGRAMS = (b"instep", b"~/.local/bin/instep")
"""Where the far shell looks: on its PATH, then where pip and pipx put programs of a user, which often is on
the PATH of login shells only."""
GREETED_WITHIN_S = 60.0
"""How long name, network, keys and the far shell's start-up may take together."""
ANSWERED_WITHIN_S = 45.0
"""The far end says at least that it is busy."""
END_WITHIN_S = 1.0
PROBE_WITHIN_S = 10.0
MAX_SAID_BYTES = 64 << 10
READ_BYTES = 64 << 10


def link_command(program: bytes, path: str) -> bytes:
    """What the far shell is told. The path is read by `instep link`, which knows `~` and `~user`, and never
    by the shell."""
    return b"%s link %s" % (program, quoted(os.fsencode(path)))


@asynccontextmanager
async def connect_ssh(address: SshAddress, program: SshProgram) -> AsyncGenerator[tuple[ByteStream, bytes]]:
    """A connection that is ready for `open_link`, and the first bytes of the link that came already.

    The process ends with the block. A PeerGone that the block raises comes out with ssh's own words, if it
    had any. Raises LinkError.
    """
    program = await anyio.to_thread.run_sync(known, program, address)
    for far_program in FAR_PROGRAMS:
        command = program.start(address, link_command(far_program, address.path), lasting=True)
        is_open = False
        try:
            async with _running(command) as ssh:
                early = await _Opener(ssh, address, program).open()
                is_open = True
                try:
                    yield ssh.stream, early
                except PeerGone as error:
                    raise await _with_words(error, ssh, address, program) from error
        except NoInstepThere:
            if far_program != FAR_PROGRAMS[-1]:
                continue
            raise
        if is_open:
            return


def known(program: SshProgram, address: SshAddress) -> SshProgram:
    """The program with its variant found out, as git does it: by asking it. Blocks for some milliseconds."""
    if program.variant is not Variant.AUTO:
        return program
    try:
        asked = subprocess.run(
            program.probe(address),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=PROBE_WITHIN_S,
            env=ssh_environment(os.environ),
            start_new_session=True,
        )
        is_openssh = asked.returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        is_openssh = False
    return replace(program, variant=Variant.SSH if is_openssh else Variant.SIMPLE)


def ssh_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of an ssh at which nobody sits: no window asks for anything either."""
    return {**environment, "SSH_ASKPASS_REQUIRE": "never"}


def start_quietly(command: Sequence[str | bytes]) -> subprocess.Popen[bytes]:
    """Start an ssh that is spoken to over its standard input and output, and whose complaints nobody reads.
    Raises OSError."""
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=ssh_environment(os.environ),
        start_new_session=True,
    )


class _Running:
    """One ssh process: the stream to its far end, and what it said on its standard error."""

    def __init__(self, process: Process, stream: UNIXSocketStream) -> None:
        self.process = process
        self.stream = stream
        self.said = b""
        self._silent = anyio.Event()

    async def listen(self) -> None:
        """Read its standard error until that ends; the newest words are kept."""
        assert self.process.stderr is not None
        try:
            async for data in self.process.stderr:
                self.said = (self.said + data)[-MAX_SAID_BYTES:]
        finally:
            self._silent.set()

    async def status(self) -> int | None:
        """Its exit status, with all its words heard; None if it does not end within a second."""
        with anyio.move_on_after(END_WITHIN_S):
            await self.process.wait()
            await self._silent.wait()
        return self.process.returncode

    async def end(self) -> None:
        """See it end: by itself, since its input is closed; else by force, with whatever it started."""
        with anyio.CancelScope(shield=True):
            await anyio.aclose_forcefully(self.stream)
            for number in (signal.SIGTERM, signal.SIGKILL):
                if await self.status() is None:
                    with suppress(ProcessLookupError):
                        os.killpg(self.process.pid, number)
            await self.process.wait()


@asynccontextmanager
async def _running(command: list[str | bytes]) -> AsyncGenerator[_Running]:
    ours, theirs = socket.socketpair()
    with theirs:
        stream = await UNIXSocketStream.from_socket(ours)
        try:
            process = await anyio.open_process(
                command,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                env=ssh_environment(os.environ),
                start_new_session=True,
            )
        except OSError as error:
            await anyio.aclose_forcefully(stream)
            why = f"{os.fsdecode(command[0])} can't be started: {error.strerror}"
            raise NeedsPerson("ssh-unusable", f"ssh does not work here: {why}.", why) from error
    raised: Exception | None = None
    async with process, anyio.create_task_group() as tasks:
        running = _Running(process, stream)
        tasks.start_soon(running.listen, name="ssh's standard error")
        try:
            yield running
        except Exception as error:
            raised = error  # to come out as it is, not in the group's wrapping
        finally:
            await running.end()
            tasks.cancel_scope.cancel()
    if raised is not None:
        raise raised


class _Opener:
    """Has the far end open its link."""

    def __init__(self, ssh: _Running, address: SshAddress, program: SshProgram) -> None:
        self._ssh = ssh
        self._address = address
        self._program = program
        self._opening = Opening()

    async def open(self) -> bytes:
        """Ask for the link; return the bytes behind the answer. Raises LinkError."""
        stream, opening = self._ssh.stream, self._opening
        try:
            await stream.send(encode_line({"do": "link"}))
            with anyio.fail_after(GREETED_WITHIN_S):
                while not opening.is_greeted:
                    opening.feed(await stream.receive(READ_BYTES))
            while opening.answer() is None:
                with anyio.fail_after(ANSWERED_WITHIN_S):
                    opening.feed(await stream.receive(READ_BYTES))
        except TimeoutError:
            host = self._address.host
            raise PeerGone(f"{host} did not answer within {GREETED_WITHIN_S:.0f} seconds.") from None
        except (anyio.EndOfStream, anyio.BrokenResourceError, OSError):
            raise await self._why() from None
        return opening.rest

    async def _why(self) -> LinkError:
        status = await self._ssh.status()
        noise = b"" if self._opening.is_greeted else self._opening.rest
        return trouble(status or 0, self._ssh.said, self._address, self._program, noise)


async def _with_words(error: PeerGone, ssh: _Running, address: SshAddress, program: SshProgram) -> LinkError:
    """The error of a link that ended, in ssh's words if ssh knows better why."""
    status = await ssh.status()
    return trouble(status, ssh.said, address, program) if status == SSH_FAILED and ssh.said else error
