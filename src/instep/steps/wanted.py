"""Content that the folder lacks, or that a file of the work tree lacks, and who is asked for it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from instep.core.types import Key, RelPath
from instep.steps.copies import LARGE_BYTES

HERE = ""
"""In place of a remote's name: this annex."""


@dataclass
class Wanted:
    """One key, and the paths that wait for it."""

    key: Key
    size_bytes: int | None
    paths: set[RelPath] = field(default_factory=set[RelPath])
    refused_by: set[str] = field(default_factory=set[str])
    corrupt_from: set[str] = field(default_factory=set[str])
    """Whose copy was wrong once: asked once more, so that they look at it themselves."""
    asked: str | None = None
    done_bytes: int = 0
    is_here: bool = False
    """It is in this annex, and only a copy of it is wanted."""

    @property
    def is_large(self) -> bool:
        return self.size_bytes is None or self.size_bytes >= LARGE_BYTES

    @property
    def a_path(self) -> RelPath:
        """What to call it for a person."""
        return min(self.paths, default=RelPath(self.key))

    @property
    def left_bytes(self) -> int:
        return max(0, (self.size_bytes or 0) - self.done_bytes)


class WantedKeys:
    """What is wanted, by key."""

    def __init__(self) -> None:
        self._all: dict[Key, Wanted] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Wanted]:
        return iter(list(self._all.values()))

    def add(self, wanted: Wanted) -> Wanted:
        """The one that is there for this key, or this one."""
        return self._all.setdefault(wanted.key, wanted)

    def pop(self, key: Key) -> Wanted | None:
        return self._all.pop(key, None)

    def drop(self, wanted: Wanted) -> None:
        """Nothing waits for it any more."""
        if self._all.get(wanted.key) is wanted:
            del self._all[wanted.key]

    def asked(self, name: str, *, large: bool) -> int:
        """How many of this size are asked of one remote at the moment."""
        return sum(w.asked == name and w.is_large == large for w in self._all.values())

    def next(self, name: str, *, large: bool) -> Wanted | None:
        """The smallest that can be asked of this remote."""
        open_ = (
            w
            for w in self._all.values()
            if w.asked is None
            and name not in w.refused_by
            and w.is_large == large
            and w.is_here == (name == HERE)
        )
        return min(open_, key=lambda w: (w.size_bytes or 0, w.key), default=None)
