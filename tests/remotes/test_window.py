"""How much content is on its way, over lines that are made up."""

import pytest

from instep.remotes.window import FIRST_BYTES, MOST_BYTES, QUEUE_S, Window


class Line:
    """Carries so many bytes a second, and takes so long there and back when it is empty."""

    def __init__(self, bytes_per_s: float, empty_s: float) -> None:
        self.window = Window()
        self._bytes_per_s, self._empty_s = bytes_per_s, empty_s
        self._now = self._free_at = 0.0
        self._number = 0
        self._back_at: float | None = None
        self.sent_bytes = 0

    def run(self, for_s: float) -> None:
        """Always something to send."""
        end = self._now + for_s
        while self._now < end:
            while not self.window.is_full and self._free_at < self._now + 60:
                self._send(self.window.piece_bytes)
            if self._back_at is None:
                self._now = end
            else:
                self._now, self._back_at = max(self._now, self._back_at), None
                self.window.came_back(self._number, self._now)

    def _send(self, count_bytes: int) -> None:
        self._free_at = max(self._free_at, self._now) + count_bytes / self._bytes_per_s
        self.window.sent(count_bytes)
        self.sent_bytes += count_bytes
        if self.window.wants_mark:
            self._number += 1
            self.window.marked(self._number, self._now)
            self._back_at = self._free_at + self._empty_s

    @property
    def queue_s(self) -> float:
        """How long what is sent now would wait."""
        return self._free_at - self._now


@pytest.mark.parametrize("empty_s", [0.001, 0.02, 0.2])
@pytest.mark.parametrize("bytes_per_s", [1e6, 1e7, 1e8])
def test_the_line_is_full_and_its_queue_short(bytes_per_s: float, empty_s: float) -> None:
    line = Line(bytes_per_s, empty_s)
    line.run(10)
    before = line.sent_bytes
    line.run(10)
    assert line.queue_s < 3 * QUEUE_S
    assert line.sent_bytes - before > min(0.7 * bytes_per_s * 10, MOST_BYTES / (empty_s + QUEUE_S))


def test_a_slow_line_gets_short_frames() -> None:
    line = Line(2e5, 0.02)
    line.run(30)
    assert line.window.piece_bytes < 50_000


def test_nothing_waits_for_a_mark_that_is_not_on_its_way() -> None:
    window = Window()
    window.sent(10 * FIRST_BYTES)
    assert window.wants_mark
    assert not window.is_full
    window.marked(5, 0)
    assert window.is_full
    window.came_back(4, 1)
    assert window.is_full, "an older Ping's answer says nothing"
    window.came_back(7, 1)
    assert not window.is_full
