"""Whether the disk has room for what is to be written, and waiting until it has.

Large content is not begun where it does not fit: a disk that is filled to the last byte stops everything,
and other programs too. What git-annex keeps free (`annex.diskreserve`) is kept free here. What waits is named
on the board, and goes on by itself when there is space.
"""

import errno
import os
from collections.abc import Awaitable, Callable

import anyio

from instep.core.amounts import in_words
from instep.core.status import shown
from instep.core.types import RelPath
from instep.steps.ports import Board

LOOK_EVERY_S = 2.0
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Room:
    """The space of one file system, and what is promised of it. For the event loop: a look takes
    microseconds."""

    def __init__(
        self,
        directory: bytes,
        reserve_bytes: Callable[[], int],
        board: Board,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._directory = directory
        self._reserve_bytes = reserve_bytes
        self._board = board
        self._look_every_s = look_every_s
        self._promised: dict[object, Callable[[], int]] = {}

    async def make(
        self, path: RelPath, need_bytes: Callable[[], int], write: Callable[[], Awaitable[None]]
    ) -> None:
        """Runs `write` when there is room for `need_bytes()` (0: at once), again whenever the disk turned out
        to be full."""
        subject = shown(path)
        try:
            while True:
                while (need := need_bytes()) and (lacking := self._lacking(need)) is not None:
                    await self._wait(subject, lacking)
                if (full := await self._try(need_bytes, write)) is None:
                    return
                await self._wait(subject, self._lacking(need_bytes()) or full)
        finally:
            self._board.clear_condition("low-space", subject)

    async def _try(self, need_bytes: Callable[[], int], write: Callable[[], Awaitable[None]]) -> str | None:
        """None when it is written; else how the disk said that it is full."""
        ident = object()
        self._promised[ident] = need_bytes
        try:
            await write()
        except OSError as error:
            if error.errno not in _FULL:
                raise
            return error.strerror or "the disk is full"
        finally:
            del self._promised[ident]
        return None

    def _lacking(self, need_bytes: int) -> str | None:
        """What is missing, in words; None: there is room. # I26"""
        space = os.statvfs(os.path.dirname(self._directory))
        free = space.f_bavail * space.f_frsize
        promised = sum(need() for need in self._promised.values())
        reserve = self._reserve_bytes()
        if need_bytes + promised + reserve <= free:
            return None
        needs = f"it needs {in_words(need_bytes)}, {in_words(free)} are free"
        if promised:
            needs += f", other transfers take {in_words(promised)}"
        return f"{needs}, and {in_words(reserve)} stay reserved (annex.diskreserve)"

    async def _wait(self, subject: str, lacking: str) -> None:
        self._board.raise_condition("low-space", subject, lacking)
        await anyio.sleep(self._look_every_s)
