"""Going at no more than so many bytes a second, however many go at a time."""

from collections.abc import Callable

import anyio

SHARE = 8
"""Pieces that a second's worth of bytes is cut into, so that it is an even flow."""
LEAST_BYTES = 4 << 10


class Pace:
    """One direction with one remote. The limit is asked each time: a setting takes effect at once. # I22"""

    def __init__(
        self, bytes_per_s: Callable[[], int | None], clock: Callable[[], float] = anyio.current_time
    ) -> None:
        self._bytes_per_s = bytes_per_s
        self._clock = clock
        self._free_at_s = 0.0

    @property
    def is_limited(self) -> bool:
        return self._bytes_per_s() is not None

    def piece(self, most_bytes: int) -> int:
        """How much to move at a time, where without a limit it would be `most_bytes`."""
        limit = self._bytes_per_s()
        return most_bytes if limit is None else min(most_bytes, max(LEAST_BYTES, limit // SHARE))

    async def take(self, count_bytes: int) -> None:
        """Wait until so many more may go."""
        if (wait_s := self.wait_s(count_bytes)) > 0:
            await anyio.sleep(wait_s)

    def wait_s(self, count_bytes: int) -> float:
        """How long that is; they count as gone."""
        limit = self._bytes_per_s()
        if limit is None:
            return 0.0
        now_s = self._clock()
        self._free_at_s = max(self._free_at_s, now_s) + count_bytes / limit
        return self._free_at_s - now_s - count_bytes / limit
