"""The processes of other folders that hold a link with this one, which they opened."""

import math
from collections.abc import Generator
from contextlib import contextmanager

import anyio


class Callers:
    """How many there are. Used from the event loop only."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = anyio.Event()

    @contextmanager
    def one_more(self) -> Generator[None]:
        """For as long as it holds its link."""
        self._count += 1
        self._changed.set()
        try:
            yield
        finally:
            self._count -= 1
            self._changed.set()

    async def until_none(self, for_s: float) -> None:
        """Return when there was none for so many seconds, counted from now on."""
        while True:
            self._changed = anyio.Event()
            with anyio.move_on_after(math.inf if self._count else for_s) as limit:
                await self._changed.wait()
            if limit.cancelled_caught:
                return
