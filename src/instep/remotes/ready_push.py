"""Pushing to another computer at once: its `git receive-pack` is started ahead of the push that it is for.

Most of the time of a small push is the way to a program over there that takes it in: a git here, an ssh, a
shell, a git there that says where its refs are. So some are kept waiting (a change is often two pushes, its
own and that of the facts about copies), and the next one is started when one was used. What it says of the
refs may be old by then: it moves none that is not where we say. # I15
"""

import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress

from instep.core.types import Oid
from instep.git.errors import GitError
from instep.git.pkt_line import BadPacket
from instep.git.receive_pack import Advertised, advertised, parcel, report, send
from instep.git.refs import RefUpdate
from instep.git.repository import Repository
from instep.git.travel import Pushed, Verdict, tracking_ref
from instep.remotes.ssh import start_quietly

END_WITHIN_S = 5.0
WAITING = 2

_Process = subprocess.Popen[bytes]


class ReadyPush:
    """Pushes to one repository. Safe to use from several threads."""

    def __init__(self, ours: Repository, remote: str, command: list[str | bytes]) -> None:
        """Nothing is started yet. `command`: what starts a receive-pack over there."""
        self._ours = ours
        self._remote = remote
        self._command = command
        self._guard = threading.Lock()
        self._waiting: list[_Process] = []
        self._said: Advertised | None = None
        """What the first that waits said, once it was read."""
        self._moved: dict[str, Oid] = {}
        """Where we moved refs since those that wait were begun, perhaps."""
        self._ending: list[_Process] = []
        self._usable = True

    def push(self, moves: Mapping[str, Oid]) -> dict[str, Pushed] | None:
        """Move refs forward, each by itself. None: it is not done, or not known to be: it is for git."""
        with self._guard:
            if not self._usable:
                return None
            with suppress(BadPacket, OSError):
                return self._pushed(moves)
            self._leave()
            return None

    def where(self, refs: Mapping[str, Oid]) -> None:
        """So the refs were found just now: have some wait that know it."""
        with self._guard:
            if not self._waiting or not self._agrees(refs):
                self._leave()
            if self._usable:
                self._fill()

    def cut(self) -> None:
        """End it now. Does not block."""
        self._usable = False
        for process in (*self._waiting, *self._ending):
            if process.returncode is None:
                process.kill()

    def close(self) -> None:
        """End it. Idempotent."""
        self._usable = False
        with self._guard:
            self._leave()
            for process in self._ending:
                try:
                    process.wait(END_WITHIN_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                if process.stdout is not None:
                    process.stdout.close()
            self._ending.clear()

    def _pushed(self, moves: Mapping[str, Oid]) -> dict[str, Pushed] | None:
        store = self._ours.objects
        if not self._waiting:
            self._waiting.append(start_quietly(self._command))
        process, there = self._waiting[0], self._heard()
        if not there.suits(store.format):
            self._usable = False
            raise BadPacket
        what = parcel(store, moves, there.refs | self._moved)
        if what is None:  # git will; and then those that wait will not know where the refs are
            self._leave()
            return None
        found = {ref: Pushed(Verdict.DONE) for ref in moves}
        if what.moves:
            assert process.stdin is not None
            assert process.stdout is not None
            send(process.stdin, what, store.format)
            found |= report(process.stdout, what.moves)
            self._leave(1)
            self._fill()
        done = {ref: oid for ref, oid in moves.items() if found[ref].verdict is Verdict.DONE}
        self._moved |= done
        self._track(done)
        return found

    def _agrees(self, refs: Mapping[str, Oid]) -> bool:
        try:
            known = self._heard().refs | self._moved
        except (BadPacket, OSError):
            return False
        return all(known.get(ref) == oid for ref, oid in refs.items())

    def _heard(self) -> Advertised:
        if self._said is None:
            stdout = self._waiting[0].stdout
            assert stdout is not None
            self._said = advertised(stdout)
        return self._said

    def _fill(self) -> None:
        with suppress(OSError):
            while len(self._waiting) < WAITING:
                self._waiting.append(start_quietly(self._command))

    def _track(self, moved: Mapping[str, Oid]) -> None:
        """Note where the refs are now, as git does after a push."""
        updates = [RefUpdate(tracking_ref(self._remote, ref), oid) for ref, oid in moved.items()]
        with suppress(GitError):  # the next fetch will
            self._ours.refs.update(updates, "update by push")

    def _leave(self, count: int | None = None) -> None:
        """Let the first ones, or all, come to their end: they may have hooks to run still."""
        left, self._waiting = self._waiting[:count], self._waiting[len(self._waiting[:count]) :]
        self._said = None
        if count is None:
            self._moved.clear()
        for process in left:
            if process.stdin is not None:
                with suppress(OSError):
                    process.stdin.close()
        self._ending += left
        for ended in [each for each in self._ending if each.poll() is not None]:
            self._ending.remove(ended)
            if ended.stdout is not None:
                ended.stdout.close()
