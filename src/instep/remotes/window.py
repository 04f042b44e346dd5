"""How much content may be on its way at a time, so that what is small is never far behind it. Pure.

A connection over ssh takes in megabytes before it says stop: on a line of 1 MB/s whatever is sent later comes
seconds later. So only as much content is under way as the line carries in the time of an empty way there and
back and `QUEUE_S` more. A Ping behind content is the mark: when its Pong comes, all before it has arrived.
Each mark sets the size anew, in proportion to how long it took beside how long it should take, at most by a
factor of two; times are seconds of one monotonic clock.
"""

import math

QUEUE_S = 0.1
"""What content that is under way may add to the time of everything behind it."""
FIRST_BYTES = 1 << 20
LEAST_BYTES = 64 << 10
MOST_BYTES = 16 << 20
MARKS = 4
"""Marks in a window full."""


class Window:
    """One direction of one connection."""

    def __init__(self) -> None:
        self.size_bytes = FIRST_BYTES
        self._sent = self._arrived = self._marked = 0
        self._mark: int | None = None
        self._marked_at = 0.0
        self._empty_s = math.inf
        """The shortest way there and back that was seen."""

    @property
    def is_full(self) -> bool:
        """No more for now: a mark will come back."""
        return self._mark is not None and self._sent - self._arrived >= self.size_bytes

    @property
    def wants_mark(self) -> bool:
        return self._mark is None and self._sent - self._marked >= self.size_bytes // MARKS

    @property
    def piece_bytes(self) -> int:
        """A frame of content should not be longer."""
        return self.size_bytes // MARKS

    def sent(self, count_bytes: int) -> None:
        self._sent += count_bytes

    def marked(self, number: int, now: float) -> None:
        """A Ping with this number follows what was sent."""
        self._mark, self._marked, self._marked_at = number, self._sent, now

    def came_back(self, number: int, now: float) -> None:
        """So did the Pong of this number; a later one than the mark's will do."""
        if self._mark is None or number < self._mark:
            return
        took_s = max(now - self._marked_at, 1e-6)
        self._empty_s = min(self._empty_s, took_s)
        factor = min(2.0, max(0.5, (self._empty_s + QUEUE_S) / took_s))
        self.size_bytes = round(min(MOST_BYTES, max(LEAST_BYTES, self.size_bytes * factor)))
        self._arrived, self._mark = self._marked, None

    def forget(self) -> None:
        """The way may be another one now."""
        self._empty_s = math.inf
