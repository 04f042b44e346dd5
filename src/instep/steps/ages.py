"""How long files have been open or changing without a quiet moment, so that none waits for ever. # I9

A file that never stops changing is captured when it has waited for the limit, as it is then; from there its
time counts anew. A captured file that has not changed when its time is up again is dropped: its next change,
or its closing, is told of (I28).
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from instep.core.types import RelPath
from instep.fs.identity import Identity
from instep.git.config import Config

CAPTURE_AFTER_S = 60.0
NOTICE_S = 1.0
"""A file that some program began to write is looked at after this time, so that the person is told of it."""
TICK_NS = 100_000_000
"""A file younger than this when it was captured may have changed since and show the same times. # I4"""


def capture_after_s(config: Config) -> float:
    """The limit: git's setting `instep.captureafter`, in seconds; what is no such number counts as unset."""
    with suppress(ValueError):
        limit_s = float(config.get("instep.captureafter") or CAPTURE_AFTER_S)
        if 0 < limit_s < float("inf"):
            return limit_s
    return CAPTURE_AFTER_S


@dataclass(slots=True)
class _Age:
    since_s: float
    is_looked_at: bool
    captured: Identity | None = None
    """What it was when it was captured; None: it was not, or was too young to be told from a later state."""


class Ages:
    """The paths that wait for a quiet moment. Used in the event loop only."""

    def __init__(self, limit_s: Callable[[], float], clock: Callable[[], float] = time.monotonic) -> None:
        self._limit_s = limit_s
        self._clock = clock
        self._all: dict[RelPath, _Age] = {}
        self.insisted: set[RelPath] = set()
        """Paths to be captured as they are at the next look."""

    def __bool__(self) -> bool:
        return bool(self._all)

    @property
    def pause_s(self) -> float:
        """How long to wait before `due` is worth asking again."""
        return min(NOTICE_S, self._limit_s())

    def note(self, paths: Iterable[RelPath]) -> None:
        """Some program writes these; nobody has looked at them yet."""
        for path in paths:
            if path not in self._all:
                self._all[path] = _Age(self._clock(), is_looked_at=False)

    def due(self, identify: Callable[[RelPath], Identity | None]) -> set[RelPath]:
        """What is to be looked at now. `identify` tells what a file is at this moment."""
        now_s, limit_s = self._clock(), self._limit_s()
        found: set[RelPath] = set()
        for path, age in list(self._all.items()):
            if now_s - age.since_s >= limit_s:
                if age.captured is not None and identify(path) == age.captured:
                    del self._all[path]
                    continue
                self.insisted.add(path)
                found.add(path)
            elif not age.is_looked_at and now_s - age.since_s >= NOTICE_S:
                found.add(path)
        return found

    def looked(
        self, paths: Collection[RelPath], unquiet: Collection[RelPath], captured: Mapping[RelPath, Identity]
    ) -> None:
        """These were looked at; some are still `unquiet`, and were captured or not."""
        now_s = self._clock()
        for path in paths:
            insisted = path in self.insisted
            self.insisted.discard(path)
            if path not in unquiet:
                self._all.pop(path, None)
                continue
            age = self._all.setdefault(path, _Age(now_s, is_looked_at=True))
            age.is_looked_at = True
            if insisted:
                age.since_s = now_s
                age.captured = _if_told_apart(captured.get(path))


def _if_told_apart(identity: Identity | None) -> Identity | None:
    """None where a later state of the file could show the same times."""
    if identity is None or time.time_ns() - max(identity.mtime_ns, identity.ctime_ns) < TICK_NS:
        return None
    return identity
