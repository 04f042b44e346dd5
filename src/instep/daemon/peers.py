"""The remotes of one folder: who they are, whether they can be reached, and the one session that each has:
over a link where instep answers, with plain git where only a repository is.

Each remote has its own task, so none waits for another (I25). Both sides may dial; of two links between the
same two repositories both sides keep the same one. A remote that can't be reached is tried again with
growing pauses, and at once when it calls.
"""

import os
import random
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import anyio
from anyio.abc import ByteStream, TaskGroup

from instep.core.errors import InstepError, error_sentence
from instep.core.rules import Rules
from instep.core.status import shown
from instep.daemon.board import StatusBoard
from instep.daemon.drives import follow_drives
from instep.daemon.owner import Owner
from instep.daemon.reach import Place, Reach, look_at
from instep.daemon.remote import Exchange, Held, Remote
from instep.daemon.remote_conditions import show_connected, show_lack, show_trouble
from instep.daemon.supervise import RAN_WELL_AFTER_S
from instep.daemon.troubles import Troubles, print_traceback
from instep.git.errors import GitError
from instep.remotes import same_files
from instep.remotes.connect import connect
from instep.remotes.dial import LocalPath, SshAddress, parse_remote
from instep.remotes.errors import (
    FarRefused,
    LinkError,
    NoInstepThere,
    NotRunning,
    PeerGone,
    ProtocolError,
    RemoteGone,
    Stopped,
)
from instep.remotes.hello import is_kept
from instep.remotes.link import Link, open_link
from instep.remotes.network import follow_network
from instep.remotes.shun import Shun
from instep.steps.session import Session
from instep.steps.stock import StockSession

PAUSED = "paused"
CALLS_NOBODY = "nobody is called from here until `instep up`, only answered"
NOT_NOW = "paused or removed on the other side"
NAMED_NOW = "it is one of the remotes there now"
SIGN_OF_LIFE_WITHIN_S = 3.0
"""A link that is silent for longer after the network changed is dead."""


class Peers:
    """All remotes and all links of a folder. Used from the event loop only."""

    def __init__(
        self, owner: Owner, board: StatusBoard, troubles: Troubles, *, is_guest: bool = False
    ) -> None:
        """`is_guest`: nobody is called (`daemon.guest`)."""
        self._owner = owner
        self._is_guest = is_guest
        self._board = board
        self._troubles = troubles
        self._tasks: TaskGroup | None = None
        self._remotes: dict[str, Remote] = {}
        self._links: dict[str, Held] = {}
        self._follows_network = False
        self._shun = Shun()
        self.sessions: dict[str, Session | StockSession] = {}
        """Live sessions, by the remote's name."""

    @property
    def stock_sessions(self) -> list[StockSession]:
        """Those of them with remotes where no instep answers."""
        return [session for session in self.sessions.values() if isinstance(session, StockSession)]

    @property
    def connecting(self) -> list[str]:
        """Those of which it is not known yet whether they can be reached."""
        return [
            name for name, remote in self._remotes.items() if not remote.tried and not remote.rules.paused
        ]

    @property
    def names(self) -> list[str]:
        """The configured remotes."""
        return sorted(self._remotes)

    async def run(self) -> None:
        """Keep all remotes connected, until cancelled."""
        async with anyio.create_task_group() as tasks:
            self._tasks, self._follows_network = tasks, False
            for remote in self._remotes.values():
                if not remote.rules.paused:
                    tasks.start_soon(self._keep, remote)
            await follow_drives(self.drives_changed)

    def set(
        self,
        remotes: Mapping[str, str],
        rules: Mapping[str, Rules] | None = None,
        uuids: Mapping[str, str] | None = None,
    ) -> None:
        """These are the configured remotes now, by name, what is said of them, and which repository is known
        to be there."""
        for name in [name for name in self._remotes if name not in remotes]:
            self._forget(name)
            show_trouble(self._board, name, None)
            show_lack(self._board, name, "")
            self._board.remote_gone(name)
        for name, url in remotes.items():
            wanted = (rules or {}).get(name, Rules())
            known = self._remotes.get(name)
            if known is None or (known.url, known.rules) != (url, wanted):
                self._begin(Remote(name, url, wanted, uuid=(uuids or {}).get(name)))

    def _begin(self, remote: Remote) -> None:
        """Keep this remote, in place of what had its name."""
        if remote.name in self._remotes:
            self._forget(remote.name)
        self._remotes[remote.name] = remote
        self._board.remote(remote.name, url=shown(os.fsencode(remote.url)), paused=remote.rules.paused)
        if not remote.rules.content:
            show_lack(self._board, remote.name, "")
        if remote.rules.paused:
            self._unreachable(remote.name, PAUSED)
            return
        self._board.remote(remote.name, reason="connecting")
        if self._tasks is not None:
            self._tasks.start_soon(self._keep, remote)

    def _forget(self, name: str) -> None:
        """Stop dialling it, and end the link that there is, whoever dialled."""
        self._remotes.pop(name).scope.cancel()
        for held in self._links.values():
            if held.name == name:
                held.farewell = NOT_NOW
                held.scope.cancel()

    async def accept(self, stream: ByteStream) -> None:
        """Serve a link that another folder's process opened."""
        name = ""
        try:
            async with open_link(stream, self._owner.hello(), dialled=False) as link:
                if self._shun.holds(link.peer.uuid, anyio.current_time()):
                    await link.aclose(NOT_NOW)
                    return
                name = self._name_of(link)
                if name in self._remotes and self._remotes[name].rules.paused:
                    await link.aclose(NOT_NOW)
                else:
                    await self._use(link, name)
        except ProtocolError as error:
            self._board.log("link", f"A link was closed: {error}")
            if name:
                show_trouble(self._board, name, error)
        except LinkError as error:
            self._board.log("link", f"A link ended: {error}")
        except Exception as error:  # I25: what goes wrong over one link ends that link
            self._broken("a link", error)

    async def _keep(self, remote: Remote) -> None:
        async def work() -> bool:
            return remote.name in self.sessions or await self._dial(remote)

        await remote.keep(work, self._owner.links_changed)

    def _hear_of_network(self) -> None:
        """From the first remote on that is reached over it."""
        if not self._follows_network and self._tasks is not None:
            self._follows_network = True
            self._tasks.start_soon(follow_network, self.network_changed)

    def network_changed(self) -> None:
        """Or the computer has slept: links over it must show that they live, and what can't be reached is
        tried again at once. # I25"""
        for held in self._links.values():
            if not _is_local(held.link):
                held.link.probe(SIGN_OF_LIFE_WITHIN_S)
        for session in self.stock_sessions:
            if not self._remotes[session.name].is_at_path:
                session.probe(SIGN_OF_LIFE_WITHIN_S)
        for remote in self._remotes.values():
            if remote.name not in self.sessions and not remote.rules.paused:
                remote.network_changed()

    def drives_changed(self) -> None:
        """Remotes may be on one that came: those at a path are tried at once."""
        for remote in self._remotes.values():
            if remote.is_at_path and remote.name not in self.sessions:
                remote.wake.set()

    async def _dial(self, remote: Remote) -> bool:
        """Work with it as long as it can be reached. False if that was not long."""
        reached = False
        try:
            reached = await self._work_with(remote)
        except NotRunning:
            self._unreachable(remote.name, "no instep runs there")
        except (PeerGone, Stopped) as error:
            self._unreachable(remote.name, str(error))
        except LinkError as error:
            self._unreachable(remote.name, str(error))
            show_trouble(self._board, remote.name, error)
        except OSError as error:
            self._troubles.met(f"the link with {remote.name}", error)
            self._unreachable(remote.name, error.strerror or str(error))
        except InstepError as error:
            self._troubles.met(f"the link with {remote.name}", error)
            self._unreachable(remote.name, error.text)
        except Exception as error:  # I25
            self._unreachable(remote.name, self._broken(remote.name, error))
        return reached

    async def _work_with(self, remote: Remote) -> bool:
        if self._is_guest:
            raise PeerGone(CALLS_NOBODY)
        address = parse_remote(remote.url)
        if isinstance(address, SshAddress):
            self._hear_of_network()
            return await self._call_or_exchange(remote, address)
        remote.is_at_path = True
        base = Path(self._owner.hello().name)
        place = await remote.aside.run(partial(look_at, base, address.path))  # I25
        match place.reach:
            case Reach.FOLDER:
                return await self._call(remote, LocalPath(str(place.path)))
            case Reach.IDLE if remote.rules == Rules():
                return await self._call_guest(remote, place)
            case Reach.STOPPED:
                raise Stopped("it was stopped by hand")
            case Reach.BARE | Reach.ASSISTANT | Reach.BY_HAND | Reach.IDLE:
                return await self._exchange(remote, place)
            case Reach.NOTHING:
                raise RemoteGone(f"nothing is at {place.path}")
            case Reach.NO_REPOSITORY:
                raise RemoteGone(f"{place.path} is no repository")

    async def _call_or_exchange(self, remote: Remote, address: SshAddress) -> bool:
        """An instep that does not keep what is there is no better than none."""
        try:
            return await self._call(remote, address)
        except (NoInstepThere, FarRefused) as error:
            no_link = error
        try:
            return await self._exchange(remote, address)
        except (NoInstepThere, RemoteGone, GitError) as error:
            raise error if isinstance(no_link, NoInstepThere) else no_link from None

    async def _call_guest(self, remote: Remote, place: Place) -> bool:
        """Have a guest keep it, and hold the link. False: that was soon over."""
        await remote.aside.run(partial(self._owner.start_guest, place.path), long=True)
        began_s = anyio.current_time()
        await self._call(remote, LocalPath(str(place.path)))
        return anyio.current_time() - began_s > RAN_WELL_AFTER_S

    async def _call(self, remote: Remote, address: LocalPath | SshAddress) -> bool:
        """Hold a link until it ends; False: it would end again at once."""
        linked = False
        try:
            async with (
                connect(address, self._owner.ssh_program) as (stream, early),
                open_link(stream, self._owner.hello(), dialled=True, early=early) as link,
            ):
                linked = True
                remote.uuid = link.peer.uuid
                await self._use(link, remote.name)
                return link.farewell != NOT_NOW
        except PeerGone as error:
            if not linked:
                raise
            self._unreachable(remote.name, error.text)
            return True

    async def _exchange(self, remote: Remote, place: Place | SshAddress) -> bool:
        """Work with plain git and git-annex until that can't be done any more; False: that was soon."""
        began_s = anyio.current_time()
        name, board, aside = remote.name, self._board, remote.aside
        connects = isinstance(place, SshAddress)
        stock = await aside.run(partial(self._owner.open_stock, name, place, aside), long=connects)
        session = self.sessions[name] = self._owner.stock_session(stock, name, remote.rules, aside)
        board.remote(name, uuid=stock.uuid or "", reachable=True, in_step=False, reason="")
        remote.has_been_tried(self._owner.links_changed)
        show_connected(board, name)
        show_lack(board, name, stock.lacks if remote.rules.content else "")
        exchange = remote.exchange = Exchange()
        reason = "it can't be used any more"
        try:
            with exchange.scope:
                await self._owner.use_stock(session)
        except InstepError as error:
            reason = error.text
        except OSError as error:
            reason = error.strerror or str(error)
        finally:
            del self.sessions[name]
            remote.exchange = None
            exchange.ended.set()
            with anyio.CancelScope(shield=True):
                await aside.leave(stock.close)
                stock.cut()
        self._unreachable(name, reason)
        self._owner.links_changed()
        return anyio.current_time() - began_s > RAN_WELL_AFTER_S

    def _broken(self, what: str, error: Exception) -> str:
        """The sentence for an error that nobody foresaw; its traceback is in the process's output."""
        if not self._troubles.met(f"the link with {what}", error):
            print_traceback(error)
        sentence = error_sentence(error)
        self._board.log("link", f"Working with {what} failed: {sentence}")
        return sentence

    def _unreachable(self, name: str, reason: str) -> None:
        if name not in self._remotes:
            self._board.remote_gone(name)  # removed, or somebody who called us and is none of our remotes
        elif name not in self.sessions:
            reason = PAUSED if self._remotes[name].rules.paused else reason
            self._board.remote(name, reachable=False, in_step=False, outstanding=[], reason=reason)

    async def _use(self, link: Link, name: str) -> None:
        """Work over a link, if it is the one that both sides keep."""
        uuid, ours = link.peer.uuid, self._owner.hello().uuid
        while (other := self._links.get(uuid)) is not None:
            if other.link.dialled != link.dialled and not is_kept(ours, uuid, dialled=link.dialled):
                if link.dialled and other.name != name:  # it called before it was a remote: let it call again
                    other.farewell = NAMED_NOW
                    other.scope.cancel()
                await link.aclose("there is a link already")
                return
            other.scope.cancel()
            await other.ended.wait()
        if name in self._remotes and (exchange := self._remotes[name].exchange) is not None:
            exchange.scope.cancel()  # an instep answers there now
            await exchange.ended.wait()
        held = self._links[uuid] = Held(link, name)
        if self._tasks is not None:
            self._tasks.start_soon(self._trust_later, held)
        try:
            with held.scope:
                await self._hold(held, name)
        except ProtocolError:
            self._shun.broke(uuid, anyio.current_time(), random.random())
            raise
        finally:
            if held.farewell:
                await link.aclose(held.farewell)
            del self._links[uuid]
            held.ended.set()
            if name in self._remotes and link.farewell != NOT_NOW:  # I28: it will call us
                self._remotes[name].wake.set()

    async def _trust_later(self, held: Held) -> None:
        """Who broke the protocol before is forgiven once a link has lasted; at once, it would be told of each
        time that it calls."""
        with anyio.move_on_after(RAN_WELL_AFTER_S):
            await held.ended.wait()
            return
        self._shun.forgive(held.link.peer.uuid)
        show_trouble(self._board, held.name, None)

    async def _hold(self, held: Held, name: str) -> None:
        link = held.link
        session = self.sessions[name] = self._owner.session(link, name)
        self._board.remote(name, uuid=link.peer.uuid, reachable=True, reason="")
        show_connected(self._board, name)
        if name in self._remotes:
            self._remotes[name].has_been_tried(self._owner.links_changed)
        try:
            await self._owner.use(session)
        finally:
            del self.sessions[name]
            if held.farewell or not held.scope.cancel_called:  # by the link that takes its place
                self._unreachable(name, link.farewell or "the link ended")
            self._owner.links_changed()  # nobody waits any more for what it had outstanding

    def _name_of(self, link: Link) -> str:
        """What we call whoever dialled us."""
        peer = link.peer
        for remote in self._remotes.values():
            if remote.uuid == peer.uuid:
                return remote.name
        if _is_local(link):  # else its path is one of another computer
            for remote in self._remotes.values():
                if same_files.is_one_place(remote.url, peer.name):
                    remote.uuid = peer.uuid
                    return remote.name
        return f"{os.path.basename(peer.name) or 'peer'}-{peer.uuid[:8]}"


def _is_local(link: Link) -> bool:
    """Whether the other process runs on this computer and sees the same files."""
    return same_files.feature() in link.agreement.features
