"""One key's content being taken in: asked for in parts, or copied where its file can be opened.

A download is a task of its own, so that the link is read on while it writes: whatever is small passes it by.
It asks for as much as it has room for and no more, so nothing needs to be held up. What came stays when it is
cut, and the next try goes on after it.
"""

import math
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from functools import partial

import anyio
import anyio.from_thread
import anyio.to_thread

from instep.annex.incoming import IncomingContent, TakenInElsewhere
from instep.core.tree import lookup
from instep.core.types import MODE_LINK
from instep.fs.pour import Progress
from instep.remotes import same_files
from instep.remotes.errors import ProtocolError
from instep.remotes.frames import MAX_PATH_BYTES, At, Content, NoContent, Want
from instep.steps.pace import Pace
from instep.steps.session import Session
from instep.steps.state import FolderState
from instep.steps.stoppable import run_stoppable
from instep.steps.wanted import Wanted

WINDOW_BYTES = 8 << 20
"""A part of a large content, as it is asked for."""
PARTS = 2
"""Parts on their way at a time."""
RETRY_S = 1.0
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class Outcome(Enum):
    """What became of it."""

    STORED = auto()
    REFUSED = auto()
    """The other side does not have it."""
    CORRUPT = auto()
    """What came is not the key's content."""


class Download:
    """One key, from one peer."""

    def __init__(  # noqa: PLR0917
        self,
        state: FolderState,
        session: Session,
        wanted: Wanted,
        new_id: Callable[["Download"], int],
        moved: Callable[[], None],
        copied: Callable[[], None],
        pace: Pace,
    ) -> None:
        """`moved` hears of progress; `copied`, of a copy for the work tree that is ready before the annex has
        the content."""
        self.wanted = wanted
        self._state = state
        self._session = session
        self._new_id = new_id
        self._moved = moved
        self._copied = copied
        self._pace = pace
        self._frames, self._arriving = anyio.create_memory_object_stream[Content | NoContent | At](math.inf)
        self._asked_to = 0
        """Up to where it was asked for."""

    def deliver(self, frame: Content | NoContent | At) -> None:
        """An answer came."""
        self._frames.send_nowait(frame)

    async def run(self) -> Outcome:
        """Take it in, verified and durable. Raises LinkError, OSError (ENOSPC)."""
        incoming = await self._open()
        try:
            outcome = await self._take(incoming)
            if outcome is Outcome.STORED and not await self._finish(incoming):
                outcome = Outcome.CORRUPT
            return outcome
        except ProtocolError as error:
            await self._session.link.aclose(str(error), error)
            raise
        finally:
            incoming.close()

    async def _open(self) -> IncomingContent:
        while True:
            opened: list[IncomingContent] = []
            try:
                await anyio.to_thread.run_sync(lambda: opened.append(self._incoming()))  # noqa: B023
                if opened[0].size_bytes:
                    await run_stoppable(opened[0].resume, self._progressed)
            except TakenInElsewhere:
                await anyio.sleep(RETRY_S)
                continue
            except BaseException:  # a cancel comes after the thread is done: nobody would let go of the lock
                for incoming in opened:
                    incoming.close()
                raise
            self.wanted.done_bytes = opened[0].offset
            return opened[0]

    def _incoming(self) -> IncomingContent:
        return IncomingContent(self._state.repo.common_dir + b"/annex", self.wanted.key)

    async def _finish(self, incoming: IncomingContent) -> bool:
        def finish() -> bool:
            if not incoming.finish():
                return False
            self._state.store.put_file(incoming.key, incoming.path)
            return True

        return await anyio.to_thread.run_sync(finish)

    def _progressed(self, done_bytes: int) -> None:
        self.wanted.done_bytes = done_bytes
        self._moved()

    # -- from file to file ----------------------------------------------------------------------------

    async def _take(self, incoming: IncomingContent) -> Outcome:
        if self.wanted.is_large and self._sees_its_files and not self._pace.is_limited:
            await self._send_want(incoming.offset, by_path=True)
            answer = await self._arriving.receive()
            if isinstance(answer, NoContent):
                return Outcome.REFUSED
            if isinstance(answer, At) and await self._copy(incoming, answer.path):
                return Outcome.STORED
        return await self._receive(incoming)

    @property
    def _sees_its_files(self) -> bool:
        agreement = self._session.link.agreement
        shared = any(feature.startswith(same_files.PREFIX) for feature in agreement.features)
        return shared and agreement.protocol >= 2

    async def _copy(self, incoming: IncomingContent, path: bytes) -> bool:
        """False: the file can't be opened, or is not what it should be: its bytes are to be sent."""

        def copy(progress: Progress) -> bool:
            with _opened(path, self.wanted.size_bytes) as source:
                if source.fd < 0:
                    return False
                incoming.copy_rest(source.fd, progress)
                if self._give_first(incoming):
                    anyio.from_thread.run_sync(self._copied)
                    incoming.copy_rest(source.fd, progress)
            return True

        return await run_stoppable(copy, self._progressed)

    def _give_first(self, incoming: IncomingContent) -> bool:
        """The work tree has it first, if it waits for it, as a reader does. Killed before the annex has it
        too, the next start finds a file of this content, and takes it in from there."""
        has_it = all(path in self._state.ahead for path in list(self.wanted.paths))
        if has_it or not incoming.is_the_keys or not _wants_copy(self._state, self.wanted):
            return False
        with suppress(OSError):  # EXDEV, or the disk fails: the annex has it first then, or says what fails
            self._state.copies.adopt(incoming)
            return True
        return False

    # -- over the link --------------------------------------------------------------------------------

    async def _receive(self, incoming: IncomingContent) -> Outcome:
        total = self.wanted.size_bytes
        self._asked_to = incoming.offset
        ends = [await self._ask(total)]
        early: dict[int, Content] = {}
        while True:
            while len(ends) < PARTS and total is not None and self._asked_to < total:
                ends.append(await self._ask(total))
            frame = early.pop(incoming.offset, None) or await self._arriving.receive()
            if not isinstance(frame, Content):
                return Outcome.REFUSED
            if frame.offset != incoming.offset:
                _put_by(early, frame, ends)
                continue
            await anyio.to_thread.run_sync(incoming.write, frame.data)
            self._progressed(incoming.offset)
            total = frame.total
            if incoming.offset >= total:
                return Outcome.STORED
            if incoming.offset >= ends[0]:
                ends.pop(0)
            elif frame.last:  # it has become shorter there
                return Outcome.REFUSED
            if not ends:
                ends.append(await self._ask(total))

    async def _ask(self, total: int | None) -> int:
        """Asks for the next part; gives where that ends."""
        window = self._pace.piece(WINDOW_BYTES)
        rest = None if total is None else max(0, total - self._asked_to)
        limit = window if rest is None or rest > window else None
        await self._pace.take(limit or rest or 0)
        await self._send_want(self._asked_to, limit)
        self._asked_to += limit or rest or 0
        return self._asked_to

    async def _send_want(self, offset: int, limit: int | None = None, *, by_path: bool = False) -> None:
        path = self.wanted.a_path[:MAX_PATH_BYTES] if self.wanted.is_large else b""
        want = partial(Want, self._new_id(self), self.wanted.key, offset, by_path=by_path, path=path)
        await self._session.link.send(want() if limit is None else want(limit))


def _put_by(early: dict[int, Content], frame: Content, ends: list[int]) -> None:
    """Keeps a piece of a later part that came early. Raises ProtocolError for what was not asked."""
    held = sum(len(piece.data) for piece in early.values())
    if not ends[0] <= frame.offset < ends[-1] or held + len(frame.data) > PARTS * WINDOW_BYTES:
        raise ProtocolError("Content came out of order.")
    early[frame.offset] = frame


def need_bytes(state: FolderState, wanted: Wanted) -> int:
    """What it still takes on the disk: the content, and its copy in the work tree."""
    return wanted.left_bytes + ((wanted.size_bytes or 0) if _wants_copy(state, wanted) else 0)


def _wants_copy(state: FolderState, wanted: Wanted) -> bool:
    """Whether a file of the work tree waits for a copy of its own, which takes time."""
    if not wanted.is_large or state.copies.are_instant or state.settings.thin:
        return False
    entries = (lookup(state.tree, path, state.repo.objects.tree) for path in list(wanted.paths))
    return any(entry is not None and entry.mode != MODE_LINK for entry in entries)


class _opened:  # noqa: N801 - a context manager, used as a function
    """A regular file of this size, open for reading; `fd` is -1 if it is none, or can't be opened."""

    def __init__(self, path: bytes, size_bytes: int | None) -> None:
        self.fd = -1
        with suppress(OSError):
            self.fd = os.open(path, _READ)
            found = os.fstat(self.fd)
            if not stat.S_ISREG(found.st_mode) or size_bytes not in (None, found.st_size):
                self._close()

    def _close(self) -> None:
        os.close(self.fd)
        self.fd = -1

    def __enter__(self) -> "_opened":
        return self

    def __exit__(self, *_: object) -> None:
        if self.fd >= 0:
            self._close()
