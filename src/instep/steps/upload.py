"""What a peer wants of us: each answer is a task of its own, so a small one never waits for a large one."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from instep.annex.limits import bytes_per_s
from instep.core.keys import MalformedKey, checked_key
from instep.core.status import shown
from instep.core.types import Key
from instep.remotes.errors import LinkError, ProtocolError
from instep.remotes.frames import At, Cancel, Content, NoContent, Want
from instep.steps.pace import Pace
from instep.steps.session import Session
from instep.steps.state import FolderState

PIECE_BYTES = 512 << 10
REMEMBERED = 1024
"""So many contents that were given last are known: one that is asked for again arrived wrong."""
MAX_OPEN = 64
"""Answers under way for one peer; it asks for sixteen at most."""


@dataclass
class _Going:
    """A content that is asked for in parts, which are told of as one: how much of it the other side will have
    had, and how many parts are on their way."""

    done_bytes: int
    parts: int = 0


class Uploads:
    """The answers to one peer over one link. What is asked before `begin`, and what was cut by `pause`, is
    answered from the next `begin` on: nobody asks for it again as long as the link lives.
    """

    def __init__(self, state: FolderState, session: Session, suspect: Callable[[Key], None]) -> None:
        self.session = session
        self._state = state
        self._tasks: TaskGroup | None = None
        self._suspect = suspect
        self._pace = Pace(lambda: bytes_per_s(state.repo.config, session.name, "upload"))
        self._given: dict[tuple[Key, bool], None] = {}
        self._open: dict[int, anyio.CancelScope] = {}
        self._going: dict[Key, _Going] = {}
        self._waiting: dict[int, Want] = {}

    def begin(self, tasks: TaskGroup) -> None:
        """Answer, in tasks of this group."""
        self._tasks = tasks
        waiting, self._waiting = self._waiting, {}
        for want in waiting.values():
            self._start(want, tasks)

    def pause(self) -> None:
        """The group has come to its end."""
        self._tasks = None

    def asked(self, frame: Want | Cancel) -> None:
        """The peer wants something, or doesn't any more. Raises ProtocolError for far too much, and for what
        is no key."""
        if isinstance(frame, Cancel):
            self._waiting.pop(frame.id, None)
            if (scope := self._open.get(frame.id)) is not None:
                scope.cancel()
            return
        known = self._open.keys() | self._waiting.keys()
        if len(known) >= MAX_OPEN or frame.id in known:
            raise ProtocolError("More content was asked for at a time than a folder asks for.")
        try:
            checked_key(frame.key)
        except MalformedKey as error:
            raise ProtocolError("The other side asked for content by what is no key.") from error
        self._note(frame)
        if self._tasks is None:
            self._waiting[frame.id] = frame
        else:
            self._start(frame, self._tasks)

    def _start(self, want: Want, tasks: TaskGroup) -> None:
        scope = self._open[want.id] = anyio.CancelScope()
        self._going.setdefault(want.key, _Going(want.offset)).parts += 1
        tasks.start_soon(self._answer, want, scope)

    def _note(self, want: Want) -> None:
        if want.offset:
            return
        given = (want.key, want.by_path)
        if given in self._given:
            del self._given[given]
            self._suspect(want.key)  # I11
        else:
            self._given[given] = None
            while len(self._given) > REMEMBERED:
                del self._given[next(iter(self._given))]

    async def _answer(self, want: Want, scope: anyio.CancelScope) -> None:
        try:
            with scope:
                await self._send(want)
        except LinkError:
            pass  # whoever reads the link hears of its end too
        except BaseException:  # the peer did not take it back: that is told by the scope
            self._waiting[want.id] = want
            raise
        finally:
            self._open.pop(want.id, None)
            going = self._going[want.key]
            going.parts -= 1
            if not going.parts:
                del self._going[want.key]
                self._state.board.transfer_done(self._ident(want))

    def _ident(self, want: Want) -> str:
        return f"{self.session.name}/to/{shown(want.key)}"

    async def _send(self, want: Want) -> None:
        link = self.session.link
        try:
            if want.by_path and link.agreement.protocol >= 2 and not self._pace.is_limited:
                path = await anyio.to_thread.run_sync(self._state.store.find, want.key)
                if path is not None:
                    await link.send(At(want.id, path))
                    return
            with await anyio.to_thread.run_sync(self._state.store.open, want.key) as file:
                await self._send_pieces(want, file)
        except OSError as error:  # it is not here, or the disk fails in the middle of it
            await link.send(NoContent(want.id, error.strerror or "not here"))

    async def _send_pieces(self, want: Want, file: BinaryIO) -> None:
        total = os.fstat(file.fileno()).st_size
        end = min(total, want.offset + want.limit_bytes)
        offset, going = want.offset, self._going[want.key]
        while True:
            piece_bytes = min(self._pace.piece(PIECE_BYTES), self.session.link.piece_bytes)
            count = max(0, min(piece_bytes, end - offset))
            data = await anyio.to_thread.run_sync(os.pread, file.fileno(), count, offset)
            await self._pace.take(len(data))
            last = offset + len(data) >= end or not data
            await self.session.link.send(Content(want.id, offset, total, data, last))
            offset += len(data)
            going.done_bytes += len(data)
            if last:
                return
            self._state.board.transfer(
                self._ident(want),
                remote=self.session.name,
                path=want.called,
                direction="send",
                done_bytes=going.done_bytes,
                total_bytes=total,
            )
