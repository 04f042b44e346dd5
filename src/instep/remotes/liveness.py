"""When to say that one is alive, and when the other side is to be given up. Pure: the time is handed in.

Each side says something at least every `quiet_s`, whatever its reader is busy with, so a peer that works hard
is not taken for dead. Silence counts only while somebody listens: who does not read cannot blame the other
side. All times are seconds of one monotonic clock.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keepalive:
    """Speak after `quiet_s` without a word of one's own; give up after `dead_s` without one of theirs."""

    quiet_s: float = 15.0
    dead_s: float = 45.0


@dataclass(frozen=True, slots=True)
class SayAlive:
    """Send a Ping now."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The other side has been silent for too long."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Ask again after `seconds`."""

    seconds: float


class Liveness:
    """What was heard and said, and when."""

    def __init__(self, settings: Keepalive, now: float) -> None:
        self._settings = settings
        self._sent_at = now
        self._silent_s = 0.0
        self._listening_since: float | None = None
        self._limit_s = settings.dead_s

    def sent(self, now: float) -> None:
        self._sent_at = now

    def received(self, now: float) -> None:
        self._silent_s = 0.0
        self._limit_s = self._settings.dead_s
        if self._listening_since is not None:
            self._listening_since = now

    def doubt(self, now: float, within_s: float) -> None:
        """There is a reason to think that it is dead: only so much more silence, until it says something."""
        self._limit_s = min(self._limit_s, self.silent_s(now) + within_s)

    def listen(self, now: float) -> None:
        """Somebody begins to wait for the other side's next bytes."""
        self._listening_since = now

    def leave(self, now: float) -> None:
        """Nobody waits for bytes any more."""
        self._silent_s = self.silent_s(now)
        self._listening_since = None

    def silent_s(self, now: float) -> float:
        """For how long somebody has listened in vain."""
        since = self._listening_since
        return self._silent_s + (0.0 if since is None else max(0.0, now - since))

    def due(self, now: float) -> SayAlive | GiveUp | Rest:
        """What is to be done now. A death is noticed at most `quiet_s` late."""
        silent_s = self.silent_s(now)
        if silent_s >= self._limit_s:
            return GiveUp()
        rest_s = self._sent_at + self._settings.quiet_s - now
        if rest_s <= 0:
            return SayAlive()
        return Rest(min(rest_s, self._limit_s - silent_s))
