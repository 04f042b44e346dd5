"""A far end with git and git-annex only: a bare repository behind an sshd on the loopback address.

A file is there when a branch names it and its content is whole: in git, or in the annex.
"""

import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.system.far_stock import SYSTEM_PATH
from tests.system.sshd import HOST, FarComputer

from instep.core.keys import object_path
from instep.core.pointers import key_of_link, key_of_pointer
from instep.core.types import Key

from .arrival import LOOK_EVERY_S, now, put
from .peers import PATIENCE_S, Assistant, Instep, Peer, native_program
from .workloads import KIB, PREPARED_WITHIN_S, SINGLE_WITHIN_S, SINGLES_FOR_S, Samples, Size, pause, settle

TO_STOCK = "to a stock repository over ssh"
SIZES = {"10 KiB": 10 * KIB, "100 KiB": 100 * KIB}
"""instep leaves the smaller to git, as a new folder has it, and annexes the larger; the others annex both."""
_BRANCHES = ("refs/heads/synced/main", "refs/heads/main")


class Hub:
    """The other computer and its repository. `b` of the peer is that repository."""

    def __init__(self, peer: Peer) -> None:
        programs = peer.work / "far-programs"
        programs.mkdir()
        for command in ("git-annex", "git-annex-shell"):
            (programs / command).symlink_to(native_program())
        self.far = FarComputer(peer.work / "far", path=f"{programs}:{SYSTEM_PATH}")
        shutil.copy(peer.work / "home/.gitconfig", self.far.home / ".gitconfig")
        self.far.start()
        peer.environment["PATH"] = f"{self.far.bin}:{peer.environment['PATH']}"
        peer.b = self.far.home / "hub.git"
        self._git_dir = peer.b
        self._git: subprocess.Popen[bytes] | None = None
        peer.run("ssh", HOST, "git init -q --bare -b main hub.git && cd hub.git && git annex init hub")

    def has(self, name: str, content: bytes) -> bool:
        """Whether a branch names the file, and all of its content is there."""
        return any(self._content(f"{branch}:{name}") == content for branch in _BRANCHES)

    def stop(self) -> None:
        """No more connections, and no git of ours there."""
        if self._git is not None:
            self._git.kill()
            self._git.wait()
        self.far.stop()

    def _content(self, name: str) -> bytes | None:
        found = self._blob(name)
        key = None if found is None else key_of_pointer(found) or key_of_link(found)
        return found if key is None else self._object(key)

    def _object(self, key: Key) -> bytes | None:
        try:
            return Path(
                os.fsdecode(os.fsencode(self._git_dir) + b"/" + object_path(key, bare=True))
            ).read_bytes()
        except OSError:
            return None

    def _blob(self, name: str) -> bytes | None:
        git = self._git = self._git or subprocess.Popen(
            ["git", "--git-dir", self._git_dir, "cat-file", "--batch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert git.stdin is not None
        assert git.stdout is not None
        git.stdin.write(name.encode() + b"\n")
        git.stdin.flush()
        head = git.stdout.readline()
        if head.endswith(b" missing\n"):
            return None
        return git.stdout.read(int(head.split()[2]) + 1)[:-1]


class ToHub(Peer):
    """Whoever keeps the folder `a` and knows that repository."""

    hub: Hub


class InstepToHub(Instep, ToHub):
    """instep here."""

    def __init__(self, work: Path) -> None:
        super().__init__(work)
        self.hub = Hub(self)

    def start(self) -> None:
        self.run(self.command, "up", self.a, self.hub.far.address("hub.git"))
        self.run(self.command, "wait", "--timeout", str(PATIENCE_S - 10), self.a)

    def stop(self) -> None:
        self.run(self.command, "down", self.a)
        self.hub.stop()


class AssistantToHub(Assistant, ToHub):
    """The stock assistant here; it keeps its ssh connection itself."""

    def __init__(self, work: Path) -> None:
        super().__init__(work)
        self.hub = Hub(self)

    def start(self) -> None:
        self._connect()
        self.run("git", "annex", "assistant", cwd=self.a)

    def _connect(self) -> None:
        self.begin()
        self.run("git", "remote", "add", "hub", self.hub.far.address("hub.git"), cwd=self.a)
        self.run("git", "annex", "sync", "--content", cwd=self.a)

    def stop(self) -> None:
        self.run("git", "annex", "assistant", "--stop", cwd=self.a)
        self.hub.stop()


class HandToHub(AssistantToHub):
    """git and git-annex typed by hand, without a pause for thought, over a connection that is kept open."""

    name = "git-annex by hand"

    def start(self) -> None:
        config = self.work / "far/keys/config"
        kept = f"ControlMaster auto\nControlPath {self.work}/run/%C\nControlPersist 60\n"
        config.write_text(config.read_text() + kept)
        self._connect()

    def kick(self) -> None:
        self.run("git", "annex", "add", "-q", ".", cwd=self.a)
        self.run("git", "commit", "-q", "-m", "change", cwd=self.a)
        self.run("git", "push", "-q", "hub", "main:synced/main", cwd=self.a)
        self.run("git", "annex", "copy", "-q", "--to", "hub", "--fast", ".", cwd=self.a)

    def stop(self) -> None:
        self.hub.stop()


def both_sizes(peer: Peer, size: Size) -> Samples:
    """Single files, the next one a second after the last has arrived; of each size as many."""
    assert isinstance(peer, ToHub)
    if _arrive(peer, "canary", b"canary\n", PREPARED_WITHIN_S) is None:
        raise RuntimeError("preparation: the first file did not arrive")
    settle()
    samples: Samples = {}
    for words, size_bytes in SIZES.items():
        values = samples[words] = []
        began = now()
        while len(values) < size.singles and values[-2:] != [None] * 2 and now() - began < SINGLES_FOR_S:
            name = f"single-{size_bytes}-{len(values)}.bin"
            values.append(_arrive(peer, name, os.urandom(size_bytes), SINGLE_WITHIN_S))
            pause(size)
    return samples


def _arrive(peer: ToHub, name: str, content: bytes, limit_s: float) -> float | None:
    closed = put(peer.a / name, content)
    with ThreadPoolExecutor(1) as pool:
        kick = pool.submit(peer.kick)
        found = _wait_for(peer.hub, name, content, closed, limit_s)
        kick.result()
    return found


def _wait_for(hub: Hub, name: str, content: bytes, since: float, limit_s: float) -> float | None:
    while (look := now()) - since <= limit_s:
        if hub.has(name, content):
            return look - since
        time.sleep(LOOK_EVERY_S)
    return None
