"""Two network namespaces with a wire between them: computers that can be cut off from each other.

Needs root. What is started with `here` as its prefix lives in one, with `there` in the other; both see the
same files and sockets, only not the same network.
"""

import contextlib
import os
import shutil
import subprocess
import uuid
from types import TracebackType
from typing import Self


class Wire:
    """A context manager: leaving it removes both namespaces."""

    here_address = "10.79.0.1"
    there_address = "10.79.0.2"

    def __init__(self) -> None:
        ip = shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin")
        assert ip is not None, "iproute2 is not installed: make tools"
        self._ip = ip
        stem = f"instep-{uuid.uuid4().hex[:8]}"
        self._here, self._there = f"{stem}-a", f"{stem}-b"
        self.here = [ip, "netns", "exec", self._here]
        self.there = [ip, "netns", "exec", self._there]

    def __enter__(self) -> Self:
        for name in (self._here, self._there):
            self._run("netns", "add", name)
            self._run("-n", name, "link", "set", "lo", "up")
        self._run(
            "-n", self._here, "link", "add", "wire", "type", "veth", "peer", "wire", "netns", self._there
        )
        for name, address in ((self._here, self.here_address), (self._there, self.there_address)):
            self._run("-n", name, "address", "add", f"{address}/24", "dev", "wire")
            self._run("-n", name, "link", "set", "wire", "up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for name in (self._here, self._there):
            with contextlib.suppress(subprocess.CalledProcessError):
                self._run("netns", "delete", name)

    def cut(self) -> None:
        """The wire is pulled out over there; here the carrier is lost."""
        self._run("-n", self._there, "link", "set", "wire", "down")

    def heal(self) -> None:
        """It is put in again."""
        self._run("-n", self._there, "link", "set", "wire", "up")

    def _run(self, *words: str) -> None:
        subprocess.run([self._ip, *words], check=True, stdin=subprocess.DEVNULL, env=os.environ)
