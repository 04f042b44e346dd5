"""The fifth step: content comes to where it is wanted.

The receiver asks. What the branch names and the annex lacks is wanted; each link asks its peer for a few
keys at a time, small ones first, and beside large ones always some small ones. A key's content is verified
before it is stored, durable before it is counted (I10, I11), and then handed to the merge step, which puts it
into the work tree (I7). Large content that is here and lacks in the work tree only is copied beside that.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial

import anyio
from anyio.abc import TaskGroup

from instep.annex.incoming import drop_partial
from instep.annex.limits import MOST_JOBS, MOST_STOCK_JOBS, bytes_per_s, jobs
from instep.core.keys import size_of
from instep.core.status import shown
from instep.core.types import Change, Key, RelPath
from instep.remotes.errors import LinkError
from instep.remotes.frames import At, Cancel, Content, NoContent, Want
from instep.steps.copies import LARGE_BYTES
from instep.steps.download import Download, Outcome, need_bytes
from instep.steps.mailbox import Mailbox
from instep.steps.pace import Pace
from instep.steps.session import Session
from instep.steps.state import FolderState
from instep.steps.stoppable import run_stoppable
from instep.steps.upload import Uploads
from instep.steps.wanted import HERE, Wanted, WantedKeys

SMALL_AT_ONCE = 6
"""Small contents asked of one peer at a time, so that the wire is never idle. Large ones never take their
places: of those there are as many as `annex.jobs` says."""
COPIES_AT_ONCE = 2
"""Large contents put from this annex into the work tree at a time."""


Take = Callable[[Wanted, Callable[[], None]], Awaitable[Outcome]]
"""Takes one key's content from somewhere, telling of progress."""


class TransferStep:
    """What is wanted, who was asked, and what is asked of us."""

    def __init__(
        self,
        state: FolderState,
        landed: Callable[[Key, set[RelPath]], None],
        changed: Callable[[], None],
        suspect: Callable[[Key], None] = lambda _: None,
        copied: Callable[[set[RelPath]], None] = lambda _: None,
    ) -> None:
        """`landed` hears of content that is here now, and of the files that it is for; `copied`, of files
        whose copy is ready before the annex has it; `suspect`, of content here that somebody found wrong."""
        self._state = state
        self._landed = landed
        self._changed = changed
        self._suspect = suspect
        self._copied = copied
        self._wanted = WantedKeys()
        self._unwanted: dict[Key, set[RelPath]] = {}
        """What the branch names and the annex lacks, and this folder does not want."""
        self._downloads: dict[tuple[str, int], Download] = {}
        self._next_want = 0
        self.bells: dict[str, Mailbox[None]] = {HERE: Mailbox(lambda: None)}
        self._uploads: dict[str, Uploads] = {}

    @property
    def missing(self) -> int:
        """How many keys are wanted and not here."""
        return len(self._wanted)

    @property
    def missing_bytes(self) -> int:
        return sum(wanted.size_bytes or 0 for wanted in self._wanted)

    @property
    def missing_paths(self) -> list[RelPath]:
        return sorted(path for wanted in self._wanted for path in wanted.paths)

    def want(self, wanted: Mapping[Key, Iterable[RelPath]]) -> None:
        """The content of these keys is to come to these paths: fetched, unless it is here already."""
        for key, wanted_at in wanted.items():
            paths = set(wanted_at)
            is_here = self._state.store.has(key)
            if is_here and not self._state.must_be_copied(key):
                self._land(key, paths)
                continue
            if not is_here and paths and not any(self._state.wants(key, path) for path in paths):
                self._unwanted.setdefault(key, set()).update(paths)
                continue
            entry = self._wanted.add(Wanted(key, size_of(key)))
            entry.paths.update(self._unwanted.pop(key, ()))
            entry.is_here = is_here
            entry.paths.update(paths)
            entry.refused_by.clear()
        self._ring()

    def reconsider(self) -> set[RelPath]:
        """Something else may be wanted now; gives the files that are to do without their content. # I22"""
        open_ = [wanted for wanted in self._wanted if wanted.asked is None and not wanted.is_here]
        for wanted in open_:
            self._wanted.drop(wanted)
        again, self._unwanted = self._unwanted, {}
        self.want(again | {wanted.key: wanted.paths for wanted in open_})
        return {path for paths in self._unwanted.values() for path in paths}

    def changed(self, changes: Iterable[Change]) -> None:
        """These paths have another version now: what they waited for is wanted by others only, or by none.
        One that is only executable now, or not any more, waits on."""
        gone = {path for path, old, new in changes if old is None or new is None or old.oid != new.oid}
        gone -= self._state.ahead
        for key in [key for key, waiting in self._unwanted.items() if waiting & gone]:
            self._unwanted[key] -= gone
            if not self._unwanted[key]:
                del self._unwanted[key]
        for wanted in self._wanted:
            wanted.paths -= gone
            if not wanted.paths and wanted.asked is None:
                self._wanted.pop(wanted.key)

    def have(self, keys: Iterable[Key]) -> None:
        """These keys are here now, however they came."""
        for key in keys:
            if (paths := self._unwanted.pop(key, None)) is not None:
                self._land(key, paths)
            wanted = self._wanted.pop(key)
            if wanted is not None:  # whatever becomes of a download that is under way
                self._land(key, wanted.paths)
            if (size_of(key) or 0) >= LARGE_BYTES:
                drop_partial(self._state.repo.common_dir + b"/annex", key)
        self._changed()

    def offered(self, name: str) -> None:
        """That peer may have content now that it lacked before."""
        for wanted in self._wanted:
            wanted.refused_by.discard(name)
        self._ring()

    def _ring(self) -> None:
        for bell in self.bells.values():
            bell.ring()
        self._changed()

    # -- within the folder ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Copy what is here and lacks in the work tree, until cancelled."""
        async with anyio.create_task_group() as tasks:
            await self._start(HERE, tasks, self._copy)

    async def _copy(self, wanted: Wanted) -> None:
        state = self._state

        async def copy() -> None:
            def moved(done_bytes: int) -> None:
                wanted.done_bytes = done_bytes
                self._progress("this folder", wanted)

            work = partial(state.copies.make, wanted.key, state.store)
            try:
                whole = await run_stoppable(work, moved)
            except FileNotFoundError:  # it was dropped meanwhile
                wanted.is_here = False
                return
            self._came(HERE, wanted, Outcome.STORED if whole else Outcome.CORRUPT)

        try:
            await state.room.make(wanted.a_path, lambda: wanted.size_bytes or 0, copy)
        finally:
            state.board.transfer_done(f"this folder/{shown(wanted.key)}")

    # -- with a peer ----------------------------------------------------------------------------------

    async def serve(self, session: Session) -> None:
        """Ask this peer and answer it, as long as its link lives."""
        name, uploads = session.name, self._uploads_to(session)
        try:
            async with anyio.create_task_group() as tasks:
                self.bells[name] = Mailbox(lambda: None)
                uploads.begin(tasks)
                self.offered(name)
                pace = Pace(lambda: bytes_per_s(self._state.repo.config, name, "download"))
                await self._start(name, tasks, partial(self._download, session, pace))
        finally:
            uploads.pause()
            del self.bells[name]
            self._ring()

    async def serve_stock(self, name: str, take: Take) -> None:
        """Take from a remote where no instep answers, as long as this runs."""

        async def get(wanted: Wanted) -> None:
            async def run() -> None:
                outcome = await take(wanted, partial(self._progress, name, wanted))
                self._came(name, wanted, outcome)

            try:
                await self._state.room.make(wanted.a_path, lambda: need_bytes(self._state, wanted), run)
            finally:
                self._state.board.transfer_done(f"{name}/{shown(wanted.key)}")

        try:
            async with anyio.create_task_group() as tasks:
                self.bells[name] = Mailbox(lambda: None)
                self.offered(name)
                await self._start(name, tasks, get, MOST_STOCK_JOBS)
        finally:
            del self.bells[name]
            self._ring()

    async def _start(
        self,
        name: str,
        tasks: TaskGroup,
        get: Callable[[Wanted], Awaitable[None]],
        most_large: int = MOST_JOBS,
    ) -> None:
        """Begin with what is wanted next, whenever there may be something, as far as places are free."""
        while True:
            await self.bells[name].take()
            large_at_once = COPIES_AT_ONCE if name == HERE else min(jobs(self._state.repo.config), most_large)
            for large, at_once in ((False, SMALL_AT_ONCE), (True, large_at_once)):
                while self._wanted.asked(name, large=large) < at_once:
                    wanted = self._wanted.next(name, large=large)
                    if wanted is None:
                        break
                    wanted.asked = name
                    tasks.start_soon(self._get, wanted, get)

    async def _get(self, wanted: Wanted, get: Callable[[Wanted], Awaitable[None]]) -> None:
        try:
            with suppress(LinkError):  # whoever reads the link hears of its end too
                await get(wanted)
        finally:
            wanted.asked = None
            if not wanted.paths:
                self._wanted.drop(wanted)
            self._ring()

    async def _download(self, session: Session, pace: Pace, wanted: Wanted) -> None:
        idents: list[tuple[str, int]] = []

        def new_id(download: Download) -> int:
            self._next_want += 1
            idents.append((session.name, self._next_want))
            self._downloads[idents[-1]] = download
            return self._next_want

        def moved() -> None:
            self._progress(session.name, wanted)

        async def run() -> None:
            copied = partial(self._copy_came, wanted)
            download = Download(self._state, session, wanted, new_id, moved, copied, pace)
            self._came(session.name, wanted, await download.run())

        try:
            await self._state.room.make(wanted.a_path, lambda: need_bytes(self._state, wanted), run)
        finally:
            for ident in idents:
                del self._downloads[ident]
            self._state.board.transfer_done(f"{session.name}/{shown(wanted.key)}")

    def _came(self, name: str, wanted: Wanted, outcome: Outcome) -> None:
        board, path = self._state.board, shown(wanted.key)
        match outcome:
            case Outcome.STORED:
                board.clear_condition("content-corrupt", path)
                popped = self._wanted.pop(wanted.key)
                self._land(wanted.key, (popped or wanted).paths)
            case Outcome.CORRUPT:
                board.raise_condition("content-corrupt", path, name or "the copy in this folder")
                self._came_wrong(name, wanted)
            case Outcome.REFUSED:
                wanted.refused_by.add(name)

    def _came_wrong(self, name: str, wanted: Wanted) -> None:
        if name == HERE:
            self._suspect(wanted.key)
        if name == HERE or name in wanted.corrupt_from:
            wanted.refused_by.add(name)
        wanted.corrupt_from.add(name)

    def _land(self, key: Key, paths: set[RelPath]) -> None:
        self._state.ahead -= paths
        self._landed(key, paths)

    def _copy_came(self, wanted: Wanted) -> None:
        """The work tree can have it already; the annex soon."""
        self._state.ahead |= wanted.paths
        self._copied(wanted.paths)

    def take(self, session: Session, frame: Content | NoContent | At) -> None:
        """An answer came."""
        download = self._downloads.get((session.name, frame.id))
        if download is not None:
            download.deliver(frame)

    def asked(self, session: Session, frame: Want | Cancel) -> None:
        """The peer wants something of us, or doesn't any more."""
        self._uploads_to(session).asked(frame)

    def _uploads_to(self, session: Session) -> Uploads:
        """Those of this link: it is read before it is served, so either may come first."""
        known = self._uploads.get(session.name)
        if known is None or known.session is not session:
            known = self._uploads[session.name] = Uploads(self._state, session, self._suspect)
        return known

    def _progress(self, name: str, wanted: Wanted) -> None:
        self._state.board.transfer(
            f"{name}/{shown(wanted.key)}",
            remote=name,
            path=shown(wanted.a_path),
            direction="receive",
            done_bytes=wanted.done_bytes,
            total_bytes=wanted.size_bytes or wanted.done_bytes,
        )
