"""The same two over ssh: a real sshd on the loopback address, and `b` in the home directory behind it."""

import shutil
from pathlib import Path

from tests.system.sshd import HOST, FarComputer

from .peers import PATIENCE_S, Assistant, Instep, Peer


def far_computer(peer: Peer) -> FarComputer:
    """The other computer of a peer, listening; `b` is there from now on, and the peer finds its ssh."""
    far = FarComputer(peer.work / "far", path=peer.environment["PATH"])
    shutil.copy(peer.work / "home/.gitconfig", far.home / ".gitconfig")
    far.start()
    peer.environment["PATH"] = f"{far.bin}:{peer.environment['PATH']}"
    peer.b = far.home / "b"
    return far


class InstepOverSsh(Instep):
    """instep on both computers, one ssh process between them."""

    def __init__(self, work: Path) -> None:
        super().__init__(work)
        self._far = far_computer(self)

    def start(self) -> None:
        self.run(self.command, "up", self.a, self._far.address("b"))
        self.run(self.command, "wait", "--timeout", str(PATIENCE_S - 10), self.a)

    def stop(self) -> None:
        self.run("ssh", HOST, f"{self.command} down b")
        self.run(self.command, "down", self.a)
        self._far.stop()


class AssistantOverSsh(Assistant):
    """The stock assistant on both, the far one being a remote by ssh; it keeps its ssh connection itself."""

    def __init__(self, work: Path) -> None:
        super().__init__(work)
        self._far = far_computer(self)

    def start(self) -> None:
        self.begin()
        self._there("git init -q b && cd b && git annex init b")
        self.run("git", "remote", "add", "b", self._far.address("b"), cwd=self.a)
        self.run("git", "annex", "sync", "--content", cwd=self.a)
        self._there("cd b && git reset -q --hard synced/main && git annex assistant")
        self.run("git", "annex", "assistant", cwd=self.a)

    def stop(self) -> None:
        self.run("git", "annex", "assistant", "--stop", cwd=self.a)
        self._there("cd b && git annex assistant --stop")
        self._far.stop()

    def _there(self, command: str) -> None:
        self.run("ssh", HOST, command)
