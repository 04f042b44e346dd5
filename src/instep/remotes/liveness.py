"""When to say that one is alive, and when the other side is to be given up. Pure: the time is handed in.

Who is told something says something within `answer_s`, if only a Ping, and so does who is too busy to read.
So silence after our own words means death, within seconds, as long as anything is going on; while nothing is,
a word each `quiet_s` is enough to find it out. What answers only that (a Pong) needs no answer: two that have
nothing to say fall silent. Silence counts only while somebody listens: who does not read cannot blame the
other side. All times are seconds of one monotonic clock.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keepalive:
    """Speak after `quiet_s` without a word of one's own, and `answer_s` after one of theirs; give up what has
    been silent for `dead_s` since we spoke. `hello_s`: patience with whoever was just called."""

    quiet_s: float = 15.0
    answer_s: float = 2.0
    dead_s: float = 8.0
    hello_s: float = 45.0


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
        self._owes_since: float | None = None
        self._waits = False
        """Whether we have spoken since we last heard anything."""
        self._silent_s = 0.0
        self._listening_since: float | None = None
        self._limit_s = settings.dead_s

    def sent(self, now: float, *, is_answer: bool = False) -> None:
        """`is_answer`: a Pong, which nobody answers."""
        self._sent_at = now
        self._owes_since = None
        if not self._waits and not is_answer:
            self._waits = True
            self._count_from(now)

    def received(self, now: float) -> None:
        """Any bytes."""
        self._waits = False
        self._limit_s = self._settings.dead_s
        self._count_from(now)

    def told(self, now: float) -> None:
        """The other side said, or began to say, something that wants an answer."""
        if self._owes_since is None:
            self._owes_since = now

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
        """For how long somebody has listened in vain, since we spoke."""
        since = self._listening_since
        return self._silent_s + (0.0 if since is None else max(0.0, now - since))

    def due(self, now: float) -> SayAlive | GiveUp | Rest:
        """What is to be done now."""
        silent_s = self.silent_s(now)
        if self._waits and silent_s >= self._limit_s:
            return GiveUp()
        rest_s = self._speaks_at() - now
        if rest_s <= 0:
            return SayAlive()
        return Rest(min(rest_s, self._limit_s - silent_s) if self._waits else rest_s)

    def _speaks_at(self) -> float:
        settings = self._settings
        is_busy = self._listening_since is None
        speaks_at = self._sent_at + (settings.answer_s if is_busy else settings.quiet_s)
        return speaks_at if self._owes_since is None else min(speaks_at, self._owes_since + settings.answer_s)

    def _count_from(self, now: float) -> None:
        self._silent_s = 0.0
        if self._listening_since is not None:
            self._listening_since = now
