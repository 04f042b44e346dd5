"""Paths whose file is, for now, not what the branch says: the lag.

A merge always finishes. Where it could not put a file in place (its content is not here yet (I7), a program
has the file open, the file system can't hold the name (I3)), the path is written down here with what the
work tree has instead and the commit on which that rests. A later edit of such a file is committed on *that*
commit and merged, so it meets the newer version as the concurrent edit that it is (I5).

The book is one small file in the repository's private directory, made durable before the branch moves.
"""

import os
from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec

from instep.core.types import Entry, Oid, RelPath
from instep.fs.crash import Point, passed


class Cause(StrEnum):
    CONTENT = "content"
    """The content of the newer version has not arrived."""
    BUSY = "busy"
    """A program has the file open for writing."""
    POINTER = "pointer"
    """Its content is here, and could not be put in the place of the pointer."""
    AHEAD = "ahead"
    """It was committed on an older head, and that commit is still to be merged."""
    BLOCKED = "blocked"
    """The file system refuses: name, permission, space, something in the way."""


@dataclass(frozen=True, slots=True)
class Lag:
    """What the work tree has at a path (None: nothing), and the commit on which that rests."""

    have: Entry | None
    since: Oid | None
    cause: Cause
    detail: str = ""


class _Record(msgspec.Struct, array_like=True):
    path: bytes
    mode: int
    oid: bytes
    since: bytes
    cause: str
    detail: str


class LagBook:
    """The lag, by path. Changes are durable only after `save`."""

    def __init__(self, path: bytes) -> None:
        self._path = path
        self._changed = False
        self.paths: dict[RelPath, Lag] = {}
        try:
            with open(path, "rb") as file:
                records = msgspec.msgpack.decode(file.read(), type=list[_Record])
        except (FileNotFoundError, msgspec.DecodeError):
            return
        for r in records:
            have = Entry(r.mode, Oid(r.oid)) if r.mode else None
            since = Oid(r.since) if r.since else None
            self.paths[RelPath(r.path)] = Lag(have, since, Cause(r.cause), r.detail)

    def __contains__(self, path: RelPath) -> bool:
        return path in self.paths

    def __len__(self) -> int:
        return len(self.paths)

    def get(self, path: RelPath) -> Lag | None:
        return self.paths.get(path)

    def add(self, path: RelPath, lag: Lag) -> None:
        self.paths[path] = lag
        self._changed = True

    def moved(self, path: RelPath, have: Entry | None, since: Oid) -> None:
        """The lagging file was edited; the edit is committed in `since`."""
        self.add(path, replace(self.paths[path], have=have, since=since))

    def brought(self, path: RelPath, have: Entry | None) -> None:
        """An attempt at a merge that was given up put this there: no edit, if the path lags at all."""
        lag = self.paths.get(path)
        if lag is not None and lag.have != have:
            self.add(path, replace(lag, have=have))

    def drop(self, path: RelPath) -> None:
        if self.paths.pop(path, None) is not None:
            self._changed = True

    def save(self) -> None:
        """Make the book durable; does nothing when nothing changed. Raises OSError. # I10"""
        if not self._changed:
            return
        records = [
            _Record(path, *(lag.have or (0, b"")), lag.since or b"", lag.cause.value, lag.detail)
            for path, lag in self.paths.items()
        ]
        aside = self._path + b".new"
        with open(aside, "wb") as file:
            file.write(msgspec.msgpack.encode(records))
            file.flush()
            os.fsync(file.fileno())
        passed(Point.LAG_ASIDE)
        os.rename(aside, self._path)
        passed(Point.LAG_WRITTEN)
        self._changed = False
