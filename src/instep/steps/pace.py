"""Going at no more than so many bytes a second, however many go at a time."""

import threading
import time
from collections.abc import Callable

import anyio

SHARE = 8
"""Pieces that a second's worth of bytes is cut into, so that it is an even flow."""
LEAST_BYTES = 4 << 10
LOOK_EVERY_S = 0.2
"""How long a thread that waits may not be told to stop."""

Progress = Callable[[int], None]


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


class ThreadPace:
    """The same for work in threads which says how far it is, and is held up as it does."""

    def __init__(self, bytes_per_s: Callable[[], int | None]) -> None:
        self._pace = Pace(bytes_per_s, time.monotonic)
        self._guard = threading.Lock()

    def paced(self, progress: Progress, begun_bytes: int | None = None) -> Progress:
        """`progress`, at the pace. It may raise to end the work, while that waits too. `begun_bytes`: how
        much is there before; if it is not known, the first call says so."""
        last = begun_bytes

        def paced(done_bytes: int) -> None:
            nonlocal last
            progress(done_bytes)
            count_bytes, last = max(0, done_bytes - (done_bytes if last is None else last)), done_bytes
            with self._guard:
                until_s = time.monotonic() + self._pace.wait_s(count_bytes)
            while (left_s := until_s - time.monotonic()) > 0:
                time.sleep(min(left_s, LOOK_EVERY_S))
                progress(done_bytes)

        return paced
