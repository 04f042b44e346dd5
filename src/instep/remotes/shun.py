"""Who broke the protocol is not spoken to for a while, each time for longer. Pure: the time is handed in."""

from instep.core.retry import Backoff

REMEMBERED = 1000
"""Repositories; who has many ids gains nothing but that the oldest of them are forgotten."""


class Shun:
    """By a repository's id, in seconds of one clock that only goes forward."""

    def __init__(self, backoff: Backoff | None = None) -> None:
        self._backoff = backoff or Backoff()
        self._faults: dict[str, int] = {}
        self._until_s: dict[str, float] = {}

    def broke(self, uuid: str, now_s: float, chance: float) -> None:
        """It broke the protocol; `chance` is a random number in [0, 1)."""
        faults = self._faults.pop(uuid, 0)
        self._until_s[uuid] = now_s + self._backoff.delay_s(faults + 1, chance)
        self._faults[uuid] = faults + 1
        if len(self._faults) > REMEMBERED:
            self.forgive(next(iter(self._faults)))

    def forgive(self, uuid: str) -> None:
        """It has behaved."""
        self._faults.pop(uuid, None)
        self._until_s.pop(uuid, None)

    def holds(self, uuid: str, now_s: float) -> bool:
        """Whether it is not to be spoken to now."""
        return now_s < self._until_s.get(uuid, now_s)
