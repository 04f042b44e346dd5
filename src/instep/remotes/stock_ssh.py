"""A repository on another computer where no instep answers: refs by git, content by git-annex-shell.

All of it goes through one shared ssh connection. Content is only ever given to git-annex there, which
verifies it and fills the files of a work tree; what we take is verified here. Where there is a work tree, the
branch that is checked out there is never moved by us (ADR 9); ADR 20 has the rest.
"""

import os
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import anyio
import anyio.to_thread

from instep.annex.branch import BRANCH
from instep.annex.errors import AnnexError
from instep.annex.incoming import IncomingContent
from instep.annex.p2p import P2pServer
from instep.annex.p2p_pool import P2pPool
from instep.annex.store import AnnexStore
from instep.core.keys import size_of
from instep.core.types import Key, Oid, RelPath, RemoteUuid
from instep.git.repository import Repository
from instep.git.travel import Pushed, Verdict, fetch, list_refs, push
from instep.remotes.dial import SshAddress
from instep.remotes.errors import LinkError, RemoteGone
from instep.remotes.far_disk import FarDisk
from instep.remotes.far_refs import FarRefs
from instep.remotes.far_repository import ANNEX_SHELL, FarRepository, annex_shell, look
from instep.remotes.ready_push import ReadyPush
from instep.remotes.ref_listener import RefListener
from instep.remotes.ssh import ssh_environment
from instep.remotes.ssh_program import SshProgram, quoted
from instep.remotes.ssh_shared import SharedSsh
from instep.remotes.ssh_trouble import no_instep
from instep.remotes.stock import Progress

LOOK_EVERY_S = 30.0
"""Where nobody can tell us that refs have moved."""
_RECEIVE_PACK = "git -c core.fsync=all receive-pack"  # I10
_CHECKED_OUT = "branch is currently checked out"
_KEPT_SERVERS = 1
_PUSHES_TOLD = 32


class AnotherRepository(LinkError):
    """What is there is not what was there before."""

    usual_fix = "If that is right: git config --unset remote.NAME.annex-uuid"


class SshRepository:
    """Implements `StockRemote`. Opening it connects, and blocks. Raises LinkError, RemoteGone, GitError."""

    def __init__(self, ours: Repository, uuid: RemoteUuid, name: str, ssh: SharedSsh) -> None:
        """`uuid`: who we are."""
        self._ours = ours
        self._our_uuid = uuid
        self._name = name
        self._ssh = ssh
        self._shell = ours.config.get(f"remote.{name}.annex-shell") or ANNEX_SHELL
        self._there = self._looked()
        self._is_bare = self._there.is_bare is not False
        self._listener: RefListener | None = None
        self._can_tell = self._there.has_annex_shell
        self._pushed: deque[bytes] = deque(maxlen=_PUSHES_TOLD)
        """What our last pushes brought: that this was heard of there is no news."""
        self._servers = P2pPool(self._server)
        self._disk = FarDisk(ssh, self._there.git_dir) if self._there.has_shell else None
        self._refs = FarRefs(ssh, self._there.git_dir) if self._there.has_shell else None
        self._ready = self._ready_push()
        self._store = AnnexStore(ours)
        self.uuid = self._there.uuid if self._there.has_annex_shell else None
        self.lacks = self._lack()
        if not self._there.has_shell:
            self.refs()  # it may well be no repository
        self._note_uuid()

    @property
    def is_bare(self) -> bool:
        return self._is_bare

    @property
    def runs_annex(self) -> bool:
        return self.uuid is not None and self._is_bare

    @property
    def follows(self) -> bool:
        return self._there.has_assistant

    def _looked(self) -> FarRepository:
        there, address = look(self._ssh, self._shell), self._ssh.address
        if there.is_other:
            raise RemoteGone(f"{address.path} on {address.host} is no repository")
        if not there.is_there:
            raise RemoteGone(f"nothing is at {address.path} on {address.host}")
        if there.is_kept:
            raise no_instep(address)
        return there

    def _lack(self) -> str:
        if not self._there.has_annex_shell:
            return "remote-without-annex-shell"
        return "" if self.uuid else "remote-without-annex"

    def _note_uuid(self) -> None:
        """As git-annex does when it meets a remote; and as there, it may not become another one."""
        name = f"remote.{self._name}.annex-uuid"
        known, found = self._ours.config.get(name), self._there.uuid
        if found is not None and known is None:
            self._ours.run("config", name, found)
        elif found is not None and known != found:
            raise AnotherRepository(
                f"another repository than before is at {self._ssh.address}: "
                f"its git-annex id is {found}, not {known}."
            )

    # -- refs -----------------------------------------------------------------------------------------

    def refs(self) -> dict[str, Oid]:
        found = self._listed()
        if self._ready is not None:
            self._ready.where(found)
        return found

    def _listed(self) -> dict[str, Oid]:
        if self._refs is not None:
            with suppress(AnnexError):
                return self._refs.list()
        patterns = ("refs/heads/*", "refs/synced/*")
        return list_refs(self._ours, self._name, patterns, environment=self._ssh.git_environment)

    def fetch(self, refs: Iterable[str]) -> None:
        fetch(self._ours, self._name, refs, environment=self._ssh.git_environment)

    def push(self, moves: Mapping[str, Oid], forced: Collection[str] = ()) -> dict[str, Pushed]:
        if not self.follows:  # else it is news where its own branch stands
            self._pushed.extend(oid.hex().encode() for oid in moves.values())
        if BRANCH in moves:  # what idle servers still have in their journal is committed before
            self._servers.rest()
        if self._ready is not None and not forced and (done := self._ready.push(moves)) is not None:
            return done
        done = push(
            self._ours,
            self._name,
            moves,
            forced=forced,
            receive_pack=_RECEIVE_PACK if self._there.has_shell else None,
            environment=self._ssh.git_environment,
        )
        if self._there.is_bare is None:
            for ref, pushed in list(done.items()):
                if pushed.verdict is Verdict.REFUSED and pushed.words == _CHECKED_OUT:
                    self._is_bare = False
                    del done[ref]
        return done

    def _ready_push(self) -> ReadyPush | None:
        """Where a person's settings say how to push, git has to do it."""
        config, name = self._ours.config, self._name
        told = (f"remote.{name}.pushurl", f"remote.{name}.receivepack", f"remote.{name}.uploadpack")
        has_other_ways = any(name.endswith(".pushinsteadof") for name in config.names("url."))
        if not self._there.has_shell or has_other_ways or any(map(config.get, told)):
            return None
        command = f"{_RECEIVE_PACK} ".encode() + quoted(self._there.git_dir)
        return ReadyPush(self._ours, name, self._ssh.command(command))

    # -- content --------------------------------------------------------------------------------------

    def has(self, key: Key) -> bool:
        with self._servers.one() as server:
            return server.has(key)

    def get(self, incoming: IncomingContent, progress: Progress) -> bool:
        begun = incoming.offset
        if begun == size_of(incoming.key):
            return True

        def write(data: bytes) -> None:
            incoming.write(data)
            progress(incoming.offset)

        with self._servers.one() as server:
            is_good = server.get(incoming.key, begun, write)
        if not is_good and incoming.offset > begun:
            incoming.discard()
        return is_good

    def put(self, key: Key, path: RelPath, source: Path, progress: Progress) -> bool:
        if self._disk is not None:
            self._disk.begin()
        with source.open("rb") as file, self._servers.one() as server:
            taken = server.put(key, path, file, progress)
        if not taken:
            if self._store.verify(key, os.fsencode(source)) is False:
                return False
            raise AnnexError("git-annex there did not take it")
        if self._disk is not None:
            self._disk.sync(key)  # I10
        return True

    def _server(self) -> P2pServer:
        return P2pServer(self._annex_shell(b"p2pstdio", self._our_uuid.encode()), ssh_environment(os.environ))

    def _annex_shell(self, verb: bytes, *words: bytes) -> list[str | bytes]:
        sure = (b"--uuid", self.uuid.encode()) if self.uuid else ()
        return self._ssh.command(annex_shell(self._shell, self._ssh.address.path, verb, *words, *sure))

    def rest(self) -> None:
        self._servers.rest(_KEPT_SERVERS)

    # -- whether it is there --------------------------------------------------------------------------

    def check(self) -> None:
        if not self._ssh.alive:
            raise self._ssh.why()
        if self._looked() != self._there:
            raise RemoteGone("somebody else keeps it now")

    async def changed(self) -> None:
        ended = False
        async with anyio.create_task_group() as tasks:

            async def end() -> None:
                nonlocal ended
                await self._ssh.over()
                ended = True
                tasks.cancel_scope.cancel()

            tasks.start_soon(end)
            await self._heard()
            tasks.cancel_scope.cancel()
        if ended:
            raise self._ssh.why()

    async def _heard(self) -> None:
        if self._can_tell:
            if self._listener is None:
                self._listener = RefListener(self._annex_shell(b"notifychanges"))
            if await self._listener.heard(lambda: self._pushed):
                return
            self._can_tell = self._listener.has_said_ready  # else it is refused
            await anyio.to_thread.run_sync(self._listener.close)
            self._listener = None
            await anyio.sleep(1.0)
            return
        await anyio.sleep(LOOK_EVERY_S)

    def cut(self) -> None:
        self._servers.kill()
        for helper in filter(None, (self._disk, self._refs, self._ready)):
            helper.cut()
        if self._listener is not None:
            self._listener.kill()
        self._ssh.cut()

    def close(self) -> None:
        self._servers.close()
        for helper in filter(None, (self._disk, self._refs, self._ready)):
            helper.close()
        if self._listener is not None:
            self._listener.close()
        self._ssh.close()


def open_stock_ssh(
    ours: Repository, uuid: RemoteUuid, name: str, address: SshAddress, program: SshProgram
) -> SshRepository:
    """Connect, and look at what is there. Blocks. Raises LinkError, RemoteGone, GitError."""
    ssh = SharedSsh(address, program)
    try:
        return SshRepository(ours, uuid, name, ssh)
    except BaseException:
        ssh.close()
        raise
