"""The mailbox that joins two steps.

A step takes everything that waits for it, does it once, and tells the next: bursts batch themselves, a
single change never waits for a timer, and nothing is queued without bound, because what waits is a set. Where
nothing waits, nothing runs (I28).
"""

from collections.abc import Callable
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Holds one value that grows until it is taken. Used from the event loop only."""

    def __init__(self, empty: Callable[[], T]) -> None:
        self._empty = empty
        self._rung = anyio.Event()
        self.content = empty()

    def ring(self) -> None:
        """Say that `content` holds something to be done."""
        self._rung.set()

    @property
    def waiting(self) -> bool:
        return self._rung.is_set()

    async def take(self) -> T:
        """Wait until the bell was rung, then take everything that is there."""
        await self._rung.wait()
        self._rung = anyio.Event()
        content, self.content = self.content, self._empty()
        return content
