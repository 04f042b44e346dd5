"""When to try again: soon at first, then ever more seldom, never all at once (I19)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double from `first_s` to `most_s` seconds, each somewhere in the upper half of its range."""

    first_s: float = 1.0
    most_s: float = 300.0

    def delay_s(self, attempt: int, chance: float) -> float:
        """Seconds to wait after failure number `attempt` (from 0); `chance` is a random number in [0, 1)."""
        longest = min(self.most_s, self.first_s * 2.0 ** min(attempt + 1, 64))
        shortest = max(self.first_s, longest / 2)
        return shortest + (longest - shortest) * chance
