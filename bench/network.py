"""What the network does: a hub between two, a long way, a full line, a wire that was pulled out."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.system.hosts import Hosts
from tests.system.network import Network

from .arrival import arrive, now, put, wait_for
from .peers import PATIENCE_S, Instep, Peer
from .ssh import InstepOverSsh, far_computer
from .workloads import KIB, MIB, SINGLE_WITHIN_S, Samples, Size, pause, settle, sync_in

ONE_WAY_S = 0.05
HUB = "latency through a hub"
DELAYED = "latency over 50 ms"
FULL_LINE = "text edit during an upload"
RECONNECT = "reconnect"


class InstepByHub(Instep):
    """Two folders that never meet, each with a line to a third one, on another computer."""

    def __init__(self, work: Path) -> None:
        super().__init__(work)
        self._far = far_computer(self)
        self.b = work / "b"

    def start(self) -> None:
        for folder in (self.a, self.b):
            self.run(self.command, "up", folder, self._far.address("hub"))
        for folder in (self.a, self.b):
            self.run(self.command, "wait", "--timeout", str(PATIENCE_S - 10), folder)

    def stop(self) -> None:
        self.run("ssh", "far", f"{self.command} down hub")
        super().stop()
        self._far.stop()


class InstepFarAway(InstepOverSsh):
    """Two computers, and 50 ms from one to the other."""

    def __init__(self, work: Path) -> None:
        super().__init__(work)
        proxy = f"{sys.executable} -m bench.delay %h %p {ONE_WAY_S}"
        with (self.work / "far/keys/config").open("a") as config:
            config.write(f"ProxyCommand env PYTHONPATH={Path(__file__).parents[1]} {proxy}\n")


class InstepOnAWire(Instep):
    """Two computers on a network of their own, whose wire can be pulled out."""

    def __init__(self, work: Path) -> None:
        super().__init__(work)
        self._stack = ExitStack()
        self.network = self._stack.enter_context(Network(2))
        before = os.environ["PATH"]
        os.environ["PATH"] = self.environment["PATH"]  # what the hosts begin with
        self._stack.callback(os.environ.__setitem__, "PATH", before)
        self._hosts = self._stack.enter_context(Hosts(work / "hosts", self.network, [(0, 1)]))
        self.a, self.b = self._hosts.folders

    def start(self) -> None:
        self._hosts.up()

    def is_connected(self) -> bool:
        return bool(self._hosts.status(self.a)["remotes"][0]["reachable"])

    def stop(self) -> None:
        self._stack.close()


def _singles(peer: Peer, stem: str, count: int) -> Iterator[float | None]:
    """Files of 10 KiB, one after another."""
    for number in range(count):
        name, content = f"{stem}-{number}.bin", os.urandom(10 * KIB)
        closed = put(peer.a / name, content)
        yield arrive(peer, {name: content}, closed, SINGLE_WITHIN_S)


def during_an_upload(peer: Peer, size: Size) -> Samples:
    """Single files while nothing else is going on, and while one large file is on its way."""
    sync_in(peer, {"canary": b"canary\n"})
    settle()
    samples: Samples = {"idle": [], "during": []}
    for sample in _singles(peer, "idle", size.singles):
        samples["idle"].append(sample)
        pause(size)
    film = peer.a / "film.bin"
    with film.open("wb") as file:
        for _ in range(2 * size.large_mib):
            file.write(os.urandom(MIB))
    partials = peer.b / ".git/annex/tmp"
    while not any(partials.glob("*")):  # it is read and hashed here first
        if _is_whole(peer.b / film.name, film):
            raise RuntimeError("the film was there before it was seen coming")
    for sample in _singles(peer, "during", 10_000):
        if _is_whole(peer.b / film.name, film):
            break
        samples["during"].append(sample)
    return samples


def _is_whole(path: Path, source: Path) -> bool:
    return path.exists() and path.stat().st_size == source.stat().st_size


def reconnect(peer: Peer, size: Size) -> Samples:
    """From the wire being put in again to a file, written while it was out, being over there."""
    assert isinstance(peer, InstepOnAWire)
    sync_in(peer, {"canary": b"canary\n"})
    samples: list[float | None] = []
    for number in range(size.turns + 2):
        peer.network.unplug(0)
        content = {f"apart-{number}": os.urandom(10 * KIB)}
        for name, data in content.items():
            put(peer.a / name, data)
        while peer.is_connected():
            pause(size)
        pause(size)
        plugged = now()
        peer.network.plug(0)
        samples.append(wait_for(peer.b, content, plugged, SINGLE_WITHIN_S))
    return {"file": samples}
