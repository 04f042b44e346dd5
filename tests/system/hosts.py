"""Folders on computers of their own, each with a real sshd, on a network that can be cut.

The folder of host n is `Docs` in its home directory; the others call the host `hn`. One key lets everybody in
everywhere. What is started for a folder runs on its host, with that host's environment.
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from .harness import Cluster, eventually
from .network import Network
from .worktree import Name

PORT = 22
GRAPHS: dict[str, tuple[int, tuple[tuple[int, int], ...]]] = {
    "pair": (2, ((0, 1),)),
    "chain of three": (3, ((0, 1), (1, 2))),
    "star of three": (3, ((1, 0), (2, 0))),
    "ring of three": (3, ((0, 1), (1, 2), (2, 0))),
    "chain of five": (5, ((0, 1), (1, 2), (2, 3), (3, 4))),
    "star of five": (5, ((1, 0), (2, 0), (3, 0), (4, 0))),
    "ring of five": (5, ((0, 1), (1, 2), (2, 3), (3, 4), (4, 0))),
}
"""How many hosts there are, and who calls whom."""

Graph = Callable[[str], "Hosts"]
"""Makes the hosts of a graph, with their folders in step: the fixture `graph`."""


class Hosts(Cluster):
    """As many as the network has. A context manager, also for the servers."""

    def __init__(self, top: Path, network: Network, links: Sequence[tuple[int, int]]) -> None:
        self.homes = [top / f"h{host}" for host in network.hosts]
        super().__init__([home / "Docs" for home in self.homes], links)
        self.network = network
        self._keys = top / "keys"
        self._bin = top / "bin"
        self._servers: list[subprocess.Popen[bytes]] = []
        for place in (*self.homes, *(home / ".run" for home in self.homes), self._keys, self._bin):
            place.mkdir(parents=True, mode=0o700)

    def __enter__(self) -> Self:
        for name in ("host", "user"):
            made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self._keys / name]
            subprocess.run(made, check=True)
        self._write_client()
        for host in self.network.hosts:
            self._serve(host)
        eventually(lambda: all(self._listens(host) for host in self.network.hosts), "every sshd listens")
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, at)
        for server in self._servers:
            server.kill()
            server.wait()

    def address(self, number: int) -> Name:
        return f"h{number}:Docs"

    def environment_of(self, args: Sequence[Name]) -> dict[str, str]:
        host = self._host_of(args)
        return {} if host is None else self._environment(host)

    def prefix_of(self, args: Sequence[Name]) -> Sequence[str]:
        host = self._host_of(args)
        return () if host is None else self.network.prefix(host)

    def _host_of(self, args: Sequence[Name]) -> int | None:
        return next((host for host, folder in enumerate(self.folders) if folder in args), None)

    def _environment(self, host: int) -> dict[str, str]:
        home = self.homes[host]
        return {
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(home / ".run"),
            "XDG_STATE_HOME": str(home / ".state"),
            "PATH": f"{self._bin}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        }

    # ssh

    def _serve(self, host: int) -> None:
        login = self.homes[host] / ".login"
        environment = {"GIT_CONFIG_NOSYSTEM": "1"} | self._environment(host) | self.mark
        exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
        login.write_text(f'#!/bin/sh\n{exports}cd\nexec /bin/sh -c "$SSH_ORIGINAL_COMMAND"\n')
        login.chmod(0o755)
        authorized = self._keys / f"authorized{host}"
        authorized.write_text(f'command="{login}" {(self._keys / "user.pub").read_text()}')
        config = self._keys / f"sshd{host}"
        config.write_text(
            f"Port {PORT}\nListenAddress {self.network.address(host)}\nHostKey {self._keys}/host\n"
            f"PidFile none\nAuthorizedKeysFile {authorized}\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 100\n"
        )
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # the directory that it locks itself into
        sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ["PATH"])
        assert sshd is not None, "openssh-server is not installed: make tools"
        command = [*self.network.prefix(host), sshd, "-D", "-e", "-f", str(config)]
        with open(self._keys / f"sshd{host}.log", "ab") as log:
            self._servers.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def _listens(self, host: int) -> bool:
        return b"Server listening" in (self._keys / f"sshd{host}.log").read_bytes()

    def _write_client(self) -> None:
        keys = self._keys
        public = " ".join((keys / "host.pub").read_text().split()[:2])
        hosts = self.network.hosts
        (keys / "known").write_text("".join(f"{self.network.address(host)} {public}\n" for host in hosts))
        names = "".join(f"Host h{host}\nHostName {self.network.address(host)}\n" for host in hosts)
        (keys / "config").write_text(
            f"{names}Host *\nPort {PORT}\nIdentityFile {keys}/user\nIdentitiesOnly yes\nIdentityAgent none\n"
            f"UserKnownHostsFile {keys}/known\nGlobalKnownHostsFile /dev/null\n"
        )
        ssh = shutil.which("ssh", path=os.environ["PATH"])
        assert ssh is not None, "openssh-client is not installed"
        (self._bin / "ssh").write_text(f'#!/bin/sh\nexec {ssh} -F {shlex.quote(str(keys))}/config "$@"\n')
        (self._bin / "ssh").chmod(0o755)


def reached(hosts: Hosts, folder: Path) -> int:
    """How many others this folder is connected with: those that it calls, and those that call it."""
    return sum(remote["reachable"] for remote in hosts.status(folder)["remotes"])
