"""What a look at one path came to."""

from dataclasses import dataclass

from instep.core.types import Entry, Key, RelPath
from instep.fs.identity import Identity


@dataclass(frozen=True, slots=True)
class Sight:
    """What stands at a path; `entry` is None when nothing does that git could hold."""

    path: RelPath
    entry: Entry | None
    identity: Identity | None = None
    awaits: Key | None = None
    """The key of a pointer file, or of a link without content: what is to come to this place."""
    settled: bool = True
    """False: the file was changing when it was captured, at its maximum age. # I9"""
