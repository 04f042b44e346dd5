"""Computers on a network of their own: a namespace for each, and between them a switch that can be parted.

Needs root. A host's wire can be pulled out, which its kernel tells it; the switch can be parted, of which
nobody is told: what is sent to the other side is swallowed, as behind a router that has gone away. What is
started with a host's prefix lives on that host; all see the same files.
"""

import contextlib
import os
import shutil
import subprocess
import uuid
from collections.abc import Collection
from types import TracebackType
from typing import Self

BRIDGES = ("one", "two")


class Network:
    """A context manager: leaving it removes all namespaces."""

    def __init__(self, hosts: int) -> None:
        ip = shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin")
        assert ip is not None, "iproute2 is not installed: make tools"
        assert os.geteuid() == 0, "network namespaces need root"
        self._ip = ip
        self._stem = f"instep-{uuid.uuid4().hex[:8]}"
        self._switch = f"{self._stem}-switch"
        self.hosts = range(hosts)

    def address(self, host: int) -> str:
        return f"10.79.1.{host + 1}"

    def prefix(self, host: int) -> list[str]:
        """What goes before a command that is to run on this host."""
        return [self._ip, "netns", "exec", self._name(host)]

    def __enter__(self) -> Self:
        self._run("netns", "add", self._switch)
        for bridge in BRIDGES:
            self._run("-n", self._switch, "link", "add", bridge, "type", "bridge")
            self._run("-n", self._switch, "link", "set", bridge, "up")
        for host in self.hosts:
            self._add(host)
        return self

    def _add(self, host: int) -> None:
        name, port = self._name(host), self._port(host)
        self._run("netns", "add", name)
        self._run("-n", name, "link", "set", "lo", "up")
        ends = ["wire", "type", "veth", "peer", port, "netns", self._switch]
        self._run("-n", name, "link", "add", *ends)
        self._run("-n", self._switch, "link", "set", port, "master", BRIDGES[0], "up")
        self._run("-n", name, "address", "add", f"{self.address(host)}/24", "dev", "wire")
        self._run("-n", name, "link", "set", "wire", "up")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for name in [*(self._name(host) for host in self.hosts), self._switch]:
            with contextlib.suppress(subprocess.CalledProcessError):
                self._run("netns", "delete", name)

    def unplug(self, host: int) -> None:
        """Its wire is pulled out: there is no network, and its kernel says so."""
        self._run("-n", self._name(host), "link", "set", "wire", "down")

    def plug(self, host: int) -> None:
        """It is put in again."""
        self._run("-n", self._name(host), "link", "set", "wire", "up")

    def part(self, others: Collection[int]) -> None:
        """These hosts reach one another only, and so do the rest. Nobody is told."""
        for host in self.hosts:
            bridge = BRIDGES[host in others]
            self._run("-n", self._switch, "link", "set", self._port(host), "master", bridge)

    def heal(self) -> None:
        """Everybody reaches everybody again."""
        self.part(())

    def slow(self, host: int, bytes_per_s: int) -> None:
        """What this host sends takes its time, with the queue of a home router before it."""
        rate = ["rate", f"{8 * bytes_per_s}bit", "burst", "16kb", "latency", "200ms"]
        tc = os.path.join(os.path.dirname(self._ip), "tc")
        command = [tc, "-n", self._name(host), "qdisc", "replace", "dev", "wire", "root", "tbf", *rate]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)

    def _name(self, host: int) -> str:
        return f"{self._stem}-{host}"

    def _port(self, host: int) -> str:
        return f"port{host}"

    def _run(self, *words: str) -> None:
        subprocess.run([self._ip, *words], check=True, stdin=subprocess.DEVNULL)
