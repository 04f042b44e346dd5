"""Blocking work on a mount that may hang: done aside, in threads that nobody has to wait for. # I25

A dead disk or an unreachable server can keep a system call for minutes, and no thread that is in one can be
ended. So each remote has threads of its own; one that does not answer in time is left behind, and while it
hangs no other is sent after it.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import anyio
import anyio.to_thread

from instep.core.errors import InstepError
from instep.remotes.errors import DoesNotAnswer

R = TypeVar("R")

ANSWER_WITHIN_S = 20.0
AT_ONCE = 16
"""More than the contents that move at a time, so that refs never wait for content."""


@dataclass
class _Call:
    begun: bool = False
    ended: bool = False
    left_behind: bool = False


class Aside:
    """The threads of one remote. Used from the event loop only."""

    def __init__(self, answer_within_s: float = ANSWER_WITHIN_S) -> None:
        self._answer_within_s = answer_within_s
        self._limiter = anyio.CapacityLimiter(AT_ONCE)
        self._left_behind = 0

    async def run(self, do: Callable[[], R], *, long: bool = False) -> R:
        """What `do` gives or raises. DoesNotAnswer when that takes too long (unless it is known to be `long`)
        and at once while an earlier call hangs. A cancel leaves the call to itself."""
        if self._left_behind:
            raise DoesNotAnswer()
        call, loop = _Call(), asyncio.get_running_loop()

        def work() -> R:
            call.begun = True
            try:
                return do()
            finally:
                call.ended = True
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(self._came_back, call)

        try:
            with anyio.move_on_after(None if long else self._answer_within_s):
                return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._limiter)
            raise DoesNotAnswer()
        finally:
            if call.begun and not call.ended:
                call.left_behind = True
                self._left_behind += 1

    async def leave(self, do: Callable[[], object]) -> None:
        """As `run`, for the last thing that is done there: nobody minds how it ends."""
        with suppress(OSError, InstepError):
            await self.run(do)

    def _came_back(self, call: _Call) -> None:
        if call.left_behind:
            self._left_behind -= 1
