"""One ssh connection that many commands share: an OpenSSH master, and what goes through it.

Name and keys are paid for once; each command is a small ssh of its own that asks the master for a channel,
and so is each ssh that git starts. The master listens in our private runtime directory. It ends with us,
however we end, or when the other side answers nothing for some seconds, and all that went through it ends
with it. Where the user's ssh is not OpenSSH, each command has a connection of its own.

Everything here blocks, but `alive`, `cut` and `over`; all of it can be used from several threads.
"""

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import anyio

from instep.git.process import Complaints
from instep.remotes.dial import SshAddress
from instep.remotes.errors import LinkError, NeedsPerson, PeerGone
from instep.remotes.socket_path import control_path
from instep.remotes.ssh import known, ssh_environment
from instep.remotes.ssh_program import SshProgram, Variant
from instep.remotes.ssh_trouble import SSH_FAILED, trouble

CONNECTED_WITHIN_S = 60.0
ANSWERED_WITHIN_S = 30.0
END_WITHIN_S = 5.0
MAX_ANSWER_BYTES = 1 << 20
MAX_SAID_BYTES = 64 << 10
_LOOK_EVERY_S = 0.02

_WITH_US = 'exec 3<&0; (read -r _ <&3; kill $$) >/dev/null 2>&1 & exec "$@" </dev/null 3<&-'
"""Ends the program when our end of its standard input closes: OpenSSH would live on without us. # I27"""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command over there ended. `status`: its exit status, or ssh's own 255."""

    status: int
    out: bytes
    said: bytes
    """What came on its standard error."""


class SharedSsh:
    """One connection, open."""

    def __init__(self, address: SshAddress, program: SshProgram, *, asks: bool = False) -> None:
        """Connects. `asks`: a person sits at our terminal, whom ssh may ask. Raises LinkError."""
        self.address = address
        self._program = known(program, address)
        self._said = b""
        self._socket: str | None = None
        self._master: subprocess.Popen[bytes] | None = None
        if self._program.variant is Variant.SSH:
            path = control_path()
            self._master = self._begun(self._program.master(address, str(path), lasting=not asks), asks)
            try:
                self._wait(self._master, path)
            except BaseException:
                self.close()
                raise
            self._socket = str(path)

    @property
    def alive(self) -> bool:
        """Whether the master, if there is one, runs."""
        return self._master is None or self._master.poll() is None

    @property
    def git_environment(self) -> dict[str, str]:
        """What has git go through this connection."""
        return ssh_environment(self._program.for_git(self._socket))

    def command(self, remote_command: bytes) -> list[str | bytes]:
        """The command line that runs something over there, whose input and output are its own."""
        return self._program.start(self.address, remote_command, lasting=True, through=self._socket)

    def run(self, remote_command: bytes) -> Answer:
        """Run a command over there that says little. Raises PeerGone when it does not end."""
        complaints = Complaints()
        try:
            process = subprocess.Popen(
                self.command(remote_command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints.fd,
                env=ssh_environment(os.environ),
                start_new_session=True,
            )
            with process:
                try:
                    out, _ = process.communicate(timeout=ANSWERED_WITHIN_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise PeerGone(
                        f"{self.address.host} did not answer within {ANSWERED_WITHIN_S:.0f} seconds."
                    ) from None
            return Answer(process.returncode, out[:MAX_ANSWER_BYTES], complaints.read())
        except OSError as error:
            raise self._unusable(error) from error
        finally:
            complaints.close()

    async def over(self) -> None:
        """Return when the master has ended; never, if there is none."""
        if self._master is None or self._master.stderr is None:
            await anyio.sleep_forever()
            return
        is_open = True
        while is_open:
            await anyio.wait_readable(self._master.stderr)
            is_open = self._hear(self._master)

    def why(self) -> LinkError:
        """Why the connection has ended, in ssh's words if it had any."""
        if self._master is not None:
            while self._hear(self._master):
                pass
        return trouble(SSH_FAILED, self._said, self.address, self._program)

    def cut(self) -> None:
        """End it now, and all that goes through it."""
        if self._master is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._master.pid, signal.SIGKILL)
            self._master.kill()
        if self._socket is not None:
            with suppress(OSError):
                os.unlink(self._socket)

    def close(self) -> None:
        """End it. Idempotent."""
        if self._master is None or self._master.stdin is None:
            return
        with suppress(OSError):
            self._master.stdin.close()
        try:
            self._master.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.cut()
            self._master.wait()
        if self._master.stderr is not None:
            self._master.stderr.close()

    def _hear(self, master: subprocess.Popen[bytes]) -> bool:
        """Keep what it says on its standard error; False at its end, which is that of the master."""
        if master.stderr is None or master.stderr.closed:
            return False
        said = os.read(master.stderr.fileno(), MAX_SAID_BYTES)
        self._said = (self._said + said)[-MAX_SAID_BYTES:]
        return bool(said)

    def _begun(self, command: list[str], asks: bool) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                ["sh", "-c", _WITH_US, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=None if asks else ssh_environment(os.environ),
                start_new_session=not asks,
            )
        except OSError as error:
            raise self._unusable(error) from error

    def _wait(self, master: subprocess.Popen[bytes], socket: Path) -> None:
        """Until it listens: then name and keys are right."""
        until_s = time.monotonic() + CONNECTED_WITHIN_S
        while not socket.is_socket():
            with suppress(subprocess.TimeoutExpired):
                master.wait(_LOOK_EVERY_S)
                raise self.why()
            if time.monotonic() > until_s:
                raise PeerGone(f"{self.address.host} did not answer within {CONNECTED_WITHIN_S:.0f} seconds.")

    def _unusable(self, error: OSError) -> LinkError:
        why = f"ssh can't be started: {error.strerror}"
        return NeedsPerson("ssh-unusable", f"ssh does not work here: {why}.", why)
