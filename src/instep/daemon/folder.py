"""One folder kept in step: the five steps put together, and what they tell one another.

Whoever asks how one change goes from step to step finds it here: watch -> commit -> push ==link==> merge ->
work tree, and transfer for content. Everything below is decided in the steps; this file only joins them.
"""

import asyncio
import os
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
from anyio.abc import ByteStream

from instep import __version__
from instep.core.rules import Rules
from instep.core.status import files, shown
from instep.core.types import Key, Oid, RelPath, RemoteUuid
from instep.core.why import Why
from instep.daemon.board import StatusBoard
from instep.daemon.guest import start_guest
from instep.daemon.live_settings import LiveSettings, Source
from instep.daemon.mending import Mending
from instep.daemon.open_stock import open_stock
from instep.daemon.peers import Peers
from instep.daemon.reach import Place
from instep.daemon.service import ServiceReady
from instep.daemon.standing import Standing
from instep.daemon.supervise import supervise
from instep.daemon.troubles import Troubles, print_traceback
from instep.daemon.why import why
from instep.remotes import same_files
from instep.remotes.aside import Aside
from instep.remotes.dial import SshAddress
from instep.remotes.errors import LinkError
from instep.remotes.frames import (
    OLDEST_PROTOCOL,
    PROTOCOL,
    At,
    Cancel,
    Content,
    Heads,
    Hello,
    NoContent,
    Want,
)
from instep.remotes.link import Link
from instep.remotes.ssh_program import SshProgram, ssh_program
from instep.remotes.stock import StockRemote
from instep.steps.arrival import Arrival
from instep.steps.commit import CommitStep
from instep.steps.committer import Committed, Committer
from instep.steps.gone import FolderGone
from instep.steps.index import IndexStep
from instep.steps.install import Installer
from instep.steps.locations import LocationStep
from instep.steps.merge import MergeStep
from instep.steps.merger import Merged, Merger
from instep.steps.pointers import PointerBook
from instep.steps.refs import RefStep
from instep.steps.rescue import RescueStep
from instep.steps.session import Session
from instep.steps.spoiled import SpoiledStep
from instep.steps.start import Opened
from instep.steps.stock import StockSession
from instep.steps.transfer import TransferStep
from instep.steps.underway import Resumed
from instep.steps.watch import WatchStep
from instep.steps.wishes import WishStep

FINISH_WITHIN_S = 5.0
FAULT_AGAIN_S = 1.0
"""Who waits while the machine has a fault is answered when it is over: it is asked again so often."""


class Folder:
    """The steps of one folder, joined. Implements `service.Service`, `session.Hands` and `peers.Owner`."""

    def __init__(self, root: Path, opened: Opened, board: StatusBoard, *, is_guest: bool = False) -> None:
        self._root = root
        self._board = board
        self._opened = opened
        self._state = state = opened.state
        committer = Committer(state)
        self._commit = CommitStep(state, committer, self._committed, self._moved)
        self._watch = WatchStep(
            state, opened.watcher, self._commit.put, self._git_changed, self._commit.put_busy
        )
        seen = partial(self._commit.seen, self._watch.read)
        self._merger = Merger(state, committer, Installer(state), seen)
        self._merge = MergeStep(
            state,
            self._merger,
            self._merged,
            self._commit.put,
            self._moved,
        )
        self._transfer = TransferStep(state, self._landed, self._refresh, self._suspect, self._merge.retry)
        self._spoiled = SpoiledStep(state, self._transfer.want, self._landed)
        self._locations = LocationStep(state, opened.annex_branch, self._annex_moved)
        self._index = IndexStep(state, self._note)
        self._rescue = RescueStep(state, self._commit.put)
        self._troubles = Troubles(board)
        self._peers = Peers(self, board, self._troubles, is_guest=is_guest)
        self._standing = Standing(state, self._commit, self._merge, self._transfer, self._peers, board)
        self._wishes = WishStep(state, opened.annex_branch, self._wishes_changed)
        self._settings = LiveSettings(
            state, opened.annex_branch, self._peers, self._wishes, board, self._commit.decide_again
        )
        self._refs = RefStep(
            state, self._commit, self._locations, self._spoiled, arrived=self.arrived, moved=self._moved
        )
        self._mending = Mending(state, board, self._troubles)

    # -- running ------------------------------------------------------------------------------------

    async def run(self, ready: ServiceReady) -> None:
        """Start everything, look at the whole folder once, and work until cancelled."""
        state = self._state
        state.turns.look()
        self._settings.set_remotes()
        self._commit.put(self._opened.dirty)
        self._resume(self._opened.resumed)
        self._index.start_from(state.tree, self._opened.index_differs, self._opened.index_late)
        self._transfer.want(self._opened.missing)
        self._locations.stored(self._opened.present)
        self._merge.retry({*state.lag.paths, *self._opened.unpopulated})
        steps = {
            "watch": self._watch.run,
            "commit": self._commit.run,
            "merge": self._merge.run,
            "transfer": self._transfer.run,
            "locations": self._locations.run,
            "index": self._index.run,
            "rescue": self._rescue.run,
            "spoiled": self._spoiled.run,
            "settings": self._settings.run,
            "wishes": self._wishes.run,
            "refs": self._refs.run,
            "remotes": self._peers.run,
        }
        loop = asyncio.get_running_loop()
        state.tell_coming = lambda: loop.call_soon_threadsafe(self._ring)
        try:
            async with anyio.create_task_group() as tasks:
                for name, step in steps.items():
                    ready_step = self._mending.ready(name, step)
                    tasks.start_soon(supervise, name, ready_step, self._troubles)
                self._moved()
                self._refs.bell.ring()
                self._mending.tell(self._opened.mended)
                self._board.started()
                ready(self)
                await state.gone.wait()
                tasks.cancel_scope.cancel()
        finally:
            with anyio.move_on_after(FINISH_WITHIN_S, shield=True):
                await self._finish()
        raise FolderGone(state.uuid)

    def _resume(self, resumed: Resumed | None) -> None:
        """Go on with a merge in the midst of which an earlier process was killed. Whatever comes of it, its
        files are looked at then."""
        if resumed is None:
            return
        paths = [change.path for change in resumed.changes]

        def look(outcome: str, reason: str) -> None:
            self._commit.put(paths)

        self._merger.resume(resumed.changes)
        self._merge.arrived(Arrival(resumed.head, "", answer=look))

    async def _finish(self) -> None:
        """Write down what is written late; whatever can't be is found again at the next start. # I27"""
        if self._state.gone.is_set():
            return  # I2: what is at that path now is none of ours
        for finish in (self._locations.finish, self._index.finish, self._rescue.finish):
            try:
                await finish()
            except Exception as error:
                print_traceback(error)

    def _annex_moved(self) -> None:
        self._wishes.bell.ring()
        self._settings.moved(Source.BRANCH)
        self._moved()

    def _wishes_changed(self) -> None:
        self._merge.retry(self._transfer.reconsider() & self._state.lag.paths.keys())
        for session in self._peers.stock_sessions:
            session.wishes_changed()
        self._refresh()

    async def _note(self) -> None:
        """Write down how things are, if nothing waits to be looked at: the next start asks."""
        checked_s = time.time()
        await self._watch.look()
        if self._commit.idle and self._merge.idle:
            paths = {*self._transfer.missing_paths, *self._state.lag.paths}
            await anyio.to_thread.run_sync(PointerBook(self._state.repo).write, checked_s, paths)
            await anyio.to_thread.run_sync(self._opened.settled.write, time.time_ns())

    # -- what the steps tell ------------------------------------------------------------------------

    def _committed(self, done: Committed) -> None:
        if done.commit is not None:
            text = self._state.repo.objects.commit(done.commit).message or b""
            self._board.log("commit", shown(text.strip()), commit=done.commit.hex(), files=len(done.changes))
        self._note_files(done)
        self._commit.mind_gate()
        self._commit.add(done.large)
        if self._state.work_tree.settle_due_s is not None:  # links were written anew
            self._rescue.bell.ring()
        if done.forks:
            self._merge.mind_forks()
        self._merge.retry(done.unchanged_lag)
        self._content_moved(done)
        self._index.touch({*done.rewritten, *(change.path for change in done.changes)})
        self._moved()

    def _note_files(self, done: Committed) -> None:
        for path in done.odd:
            self._board.raise_condition("left-alone-special", shown(path), "special file")
        for path, reason in done.unreadable.items():
            if self._watch.is_hidden(path):
                continue
            self._board.raise_condition("file-unreadable", shown(path), reason)
        for path in done.still_open:
            self._board.raise_condition("still-open", shown(path))
        for path in done.closed:
            self._board.clear_condition("still-open", shown(path))
            self._board.clear_condition("file-unreadable", shown(path))

    def _merged(self, done: Merged) -> None:
        for committed in done.local:
            committed.unchanged_lag.clear()  # I28: what stands in the way was looked at just now
            self._committed(committed)
            self._commit.put_open(committed.still_open)
            self._commit.put(committed.undecided)  # it says what they wait for, and when it is over
        if done.head is not None:
            count = len(done.changes)
            self._board.log("merge", f"Took in {files(count)}", commit=done.head.hex(), files=count)
            self._commit.mind_gate()
        for conflict in done.conflicts:
            if not conflict.variants:
                continue  # an edit met a deletion: nothing to choose from
            kept = ", ".join(shown(variant) for variant in conflict.variants)
            self._board.raise_condition("conflict-kept", shown(conflict.path), kept)
        self._content_moved(done)
        self._index.touch(change.path for change in done.changes)
        self._rescue.bell.ring()
        self._moved()

    def _content_moved(self, done: Committed | Merged) -> None:
        self._locations.stored(done.stored)
        if isinstance(done, Committed) and done.lost:
            self._locations.lost(done.lost)
            text = "An old version was overwritten in place (annex.thin) and is gone from this folder"
            self._board.log("lost", text, keys=[shown(key) for key in done.lost])
        self._transfer.have(done.stored)
        self._transfer.changed(done.changes)
        self._transfer.want(done.wanted)
        for session in self._peers.stock_sessions:
            session.content_changed(done.changes)

    def _landed(self, key: Key, paths: set[RelPath]) -> None:
        self._locations.stored([key])
        self._spoiled.came(key)
        self._merge.retry(paths)
        for session in self._peers.stock_sessions:
            session.content_came(key, min(paths, default=RelPath(key)))

    def _suspect(self, key: Key) -> None:
        self._spoiled.suspect(key)

    def _git_changed(self, what: set[str]) -> None:
        bells = {
            "config": partial(self._settings.moved, Source.CONFIG),
            "refs": self._refs.bell.ring,
            "index": self._index.look_again,
        }
        for kind in what & bells.keys():
            bells[kind]()

    def _moved(self) -> None:
        """The branch moved, or a step has nothing more to do: tell the peers and whoever waits."""
        head = self._state.head
        self._board.head(head.hex() if head is not None else None)
        self._ring()
        self._refresh()

    def _ring(self) -> None:
        for session in self._peers.sessions.values():
            session.bell.ring()

    def _refresh(self) -> None:
        """Say on the board how things stand, and let go whoever waits for that."""
        self._standing.show()

    # -- Owner and Hands ----------------------------------------------------------------------------

    def hello(self) -> Hello:
        state = self._state
        return Hello(
            PROTOCOL,
            OLDEST_PROTOCOL,
            f"instep {__version__}",
            state.uuid,
            state.repo.format.name,
            str(self._root),
            () if (same := same_files.feature()) is None else (same,),
        )

    def ssh_program(self) -> SshProgram:
        return ssh_program(os.environ, self._state.repo.config.get)

    def links_changed(self) -> None:
        self._refresh()

    def session(self, link: Link, name: str) -> Session:
        return Session(self._state, link, name, self)

    def start_guest(self, place: Path) -> None:
        start_guest(self._root, place)

    def open_stock(self, name: str, place: Place | SshAddress, aside: Aside) -> StockRemote:
        return open_stock(self._state, self._root, name, place, aside, self.ssh_program())

    def stock_session(self, remote: StockRemote, name: str, rules: Rules, aside: Aside) -> StockSession:
        return StockSession(self._state, remote, name, self, rules, aside)

    async def use_stock(self, session: StockSession) -> None:
        uuid = session.remote.uuid
        async with anyio.create_task_group() as tasks:
            if uuid is not None and session.rules.content:
                tasks.start_soon(self._transfer.serve_stock, session.name, session.take)
            await session.run()
            tasks.cancel_scope.cancel()

    async def use(self, session: Session) -> None:
        ended: LinkError | None = None
        async with anyio.create_task_group() as tasks:
            serve = partial(self._transfer.serve, session)
            tasks.start_soon(supervise, f"transfer with {session.name}", serve, self._troubles)
            try:
                await session.run()
            except LinkError as error:
                ended = error
            tasks.cancel_scope.cancel()
        if ended is not None:
            raise ended

    def heads(self) -> Heads:
        return Heads(
            self._state.branch,
            self._state.head,
            self._locations.head,
            self._commit.idle and self._merge.idle and self._state.turns.half_done is None,
            self._transfer.missing + len(self._state.lag),
            self._transfer.missing_bytes,
        )

    def arrived(self, arrival: Arrival) -> None:
        self._merge.arrived(arrival)
        self._refresh()

    def annex_arrived(self, arrival: Arrival) -> None:
        self._locations.arrived(arrival)

    def peer_moved(self, session: Session) -> None:
        self._transfer.offered(session.name)
        self._refresh()

    def annex_head(self) -> Oid | None:
        return self._locations.head

    def stock_moved(self, session: StockSession) -> None:
        self._transfer.offered(session.name)
        self._refresh()

    def given(self, uuid: RemoteUuid, keys: Iterable[Key]) -> None:
        self._locations.stored(keys, uuid)

    def content(self, session: Session, frame: Content | NoContent | At) -> None:
        self._transfer.take(session, frame)

    def wanted(self, session: Session, frame: Want | Cancel) -> None:
        self._transfer.asked(session, frame)

    def offered(self, session: Session, keys: Sequence[Key]) -> None:
        self._transfer.offered(session.name)

    # -- Service ------------------------------------------------------------------------------------

    async def wait(self, remote: str | None) -> None:
        self._standing.refuse_unknown(remote)
        while True:
            try:
                await self._watch.look()  # events of all that was done before are in the queue by now
                await self._standing.until_in_step(remote)
            except Exception as error:
                if not self._troubles.met("wait", error):  # I26
                    raise
                await anyio.sleep(FAULT_AGAIN_S)
            else:
                return

    def outstanding(self, remote: str | None) -> list[str]:
        return self._standing.outstanding(remote)

    async def why(self, path: RelPath) -> Why:
        status = self._board.status()
        return await anyio.to_thread.run_sync(why, self._state, self._opened.annex_branch, status, path)

    async def remotes_changed(self) -> None:
        await self._settings.read_remotes()

    async def accept_link(self, stream: ByteStream) -> None:
        await self._peers.accept(stream)
