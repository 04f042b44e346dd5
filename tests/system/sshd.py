"""A real sshd on a loopback port, and through it a far computer: another HOME, other keys, another shell.

The server runs as the test's own user, with host keys and authorized keys of its own; it never touches the
system's. Everything it starts goes through a script that sets up "the far computer", as PAM and login would:
HOME, the runtime directory, the start-up file whose output is noise before every command. It runs in a mount
namespace of its own where the kernel lets it, so that the two sides see that they are not one computer.

On this side a directory with an `ssh` of its own goes onto the PATH: OpenSSH with a configuration of the
test's, as `~/.ssh/config` would have it. (OpenSSH takes that file from the user's entry in the password file,
whatever HOME says.)
"""

import os
import shlex
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from .apart import Wire

LIMIT_S = 60

HOST = "far"
"""What the configuration calls the far computer."""
LIMITED = "limited"
"""The same, called with a key that is good for one folder."""


class FarComputer:
    """A context manager; `home` is the far home directory, `bin` goes onto this side's PATH."""

    def __init__(
        self,
        top: Path,
        *,
        mark: dict[str, str] | None = None,
        wire: Wire | None = None,
        path: str | None = None,
    ) -> None:
        """`mark`: for the environment of all far processes. `wire`: the network. `path`: the far PATH; by
        default it is ours."""
        self.top = top
        self._wire = wire
        self._ip = "127.0.0.1" if wire is None else wire.there_address
        self.home = top / "far-home"
        self.bin = top / "bin"
        self.noise = self.home / ".noise"
        """A shell script that is run before every far command: what it prints is noise."""
        self._keys = top / "keys"
        self._run = top / "far-run"
        self._log = top / "sshd.log"
        self._mark = (mark or {}) | {"PATH": path or os.environ["PATH"]}
        self._mark |= {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}  # the same instep on both sides
        self.environment = {
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self._run),
            "XDG_STATE_HOME": str(self.home / ".state"),
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        """What is different over there."""
        self.port = 0
        self._server: subprocess.Popen[bytes] | None = None
        for place in (self.home, self.bin, self._keys, self._run):
            place.mkdir(parents=True, mode=0o700)
        for name in ("host", "user", "limited"):
            self._make_key(name)
        self.known_hosts = self._keys / "known_hosts"
        self.authorized = self._keys / "authorized"
        self._write_login()
        self.let_in()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()

    # the server

    def start(self) -> None:
        """Listen, on the port that it had before, if any."""
        self.port = self.port or _free_port()
        config = self._keys / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress {self._ip}\nHostKey {self._keys}/host\nPidFile none\n"
            f"AuthorizedKeysFile {self._keys}/authorized\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 100\n"
        )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # the directory that it locks itself into
        sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ["PATH"])
        assert sshd is not None, "openssh-server is not installed: make tools"
        apart = ["unshare", "--mount"] if os.geteuid() == 0 else []
        if self._wire is not None:
            apart = self._wire.there
        with open(self._log, "ab") as log:
            log_starts = log.tell()
            self._server = subprocess.Popen(
                [*apart, sshd, "-D", "-e", "-f", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._write_client()
        self._wait_until_it_listens(log_starts)

    def stop(self) -> None:
        """No more connections; those that there are go on, as sshd has it, until `cut`."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None

    def let_in(self, *, only_to: Path | None = None, only_for: str = "") -> None:
        """Who may come in: the user; and, with a key that is good for one folder only, the host `limited`; or
        for one command line, which a shell runs."""
        lines = [f'command="{self.top}/login" {self._public("user")}']
        if only_to is not None:
            settings = self.environment | self._mark
            words = ["env", *(f"{name}={value}" for name, value in settings.items()), "instep", "link"]
            lines.append(f'command="{shlex.join(words)} {only_to}",restrict {self._public("limited")}')
        if only_for:
            script = self.top / "forced"
            script.write_text(self._login_lines() + f"exec /bin/sh -c {shlex.quote(only_for)}\n")
            script.chmod(0o755)
            lines.append(f'command="{script}",restrict {self._public("limited")}')
        self.authorized.write_text("\n".join(lines) + "\n")

    def know_the_host(self, key: str = "host") -> None:
        """The user has seen this host key and said yes."""
        self.known_hosts.write_text(f"[{self._ip}]:{self.port} {self._public(key)}\n")

    def _public(self, name: str) -> str:
        return " ".join((self._keys / f"{name}.pub").read_text().split()[:2])

    def address(self, path: str) -> str:
        """The address of a path below the far home."""
        return f"{HOST}:{path}"

    def _make_key(self, name: str, passphrase: str = "") -> None:
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", self._keys / name], check=True
        )

    def _write_login(self) -> None:
        """What PAM and login do, and then what sshd does: the command, in the user's shell."""
        script = self.top / "login"
        noise = "if [ -f .noise ]; then . ./.noise; fi\n"
        script.write_text(self._login_lines() + noise + 'exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"\n')
        script.chmod(0o755)

    def _login_lines(self) -> str:
        environment = self.environment | self._mark
        exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
        return f"#!/bin/sh\n{exports}cd\n"

    def _write_client(self) -> None:
        keys = self._keys
        self.know_the_host()
        (keys / "config").write_text(
            f"Host {HOST}\nHostName {self._ip}\nIdentityFile {keys}/user\n"
            f"Host {LIMITED}\nHostName {self._ip}\nIdentityFile {keys}/limited\n"
            f"Host *\nPort {self.port}\nIdentitiesOnly yes\nIdentityAgent none\n"
            f"UserKnownHostsFile {self.known_hosts}\nGlobalKnownHostsFile /dev/null\n"
            "StrictHostKeyChecking ask\n"
        )
        ssh = shutil.which(
            "ssh", path=os.pathsep.join(set(os.environ["PATH"].split(os.pathsep)) - {str(self.bin)})
        )
        assert ssh is not None, "openssh-client is not installed"
        (self.bin / "ssh").write_text(f'#!/bin/sh\nexec {ssh} -F {shlex.quote(str(keys))}/config "$@"\n')
        (self.bin / "ssh").chmod(0o755)

    def _wait_until_it_listens(self, log_starts: int) -> None:
        assert self._server is not None
        deadline = time.monotonic() + LIMIT_S
        while b"Server listening" not in (said := self._log.read_bytes()[log_starts:]):
            assert self._server.poll() is None, said
            assert time.monotonic() < deadline, "sshd does not listen"
            time.sleep(0.01)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
