"""What instep knows of the files in the work tree: which one holds which version.

A file is recognised by identity (device, inode, size, mtime, ctime), never by the time of an event (I4).
Where that is no proof (`fs.grain`) what is known is a guess, to be confirmed by reading (`recognise`).
What is forgotten is looked at again, so this is a cache with a bound, not a record.
"""

import struct
from typing import NamedTuple

from instep.core.types import Entry, Oid, RelPath
from instep.fs.identity import Identity

CAPACITY = 65_536
"""Paths remembered; about 250 bytes each."""


class _Known(NamedTuple):
    identity: Identity
    guess: bool
    entry: Entry


_FACTS = struct.Struct("<6q?L")


class KnownFiles:
    """Path to (identity, entry) of the files that were last written or read. One thread at a time.

    Facts are kept packed, as Python's own objects would take three times the room; in two halves, of which
    the older one goes as a whole when the younger is full.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._half = max(1, capacity // 2)
        self._young: dict[RelPath, bytes] = {}
        self._old: dict[RelPath, bytes] = {}

    def note(self, path: RelPath, identity: Identity, entry: Entry, *, guess: bool = False) -> None:
        """The file at this path, being this very file, holds this entry; or held it, if it is a guess."""
        if len(self._young) >= self._half and path not in self._young:
            self._old, self._young = self._young, {}
        self._young[path] = _FACTS.pack(*_signed(identity), guess, entry.mode) + entry.oid

    def forget(self, path: RelPath) -> None:
        self._young.pop(path, None)
        self._old.pop(path, None)

    def entry(self, path: RelPath, identity: Identity) -> Entry | None:
        """The entry that the file holds, if it is still the same file. # I4"""
        known = self._get(path)
        return known.entry if known and not known.guess and known.identity == _signed(identity) else None

    def guess(self, path: RelPath, identity: Identity) -> Entry | None:
        """The entry that the file held, if that is to be confirmed."""
        known = self._get(path)
        return known.entry if known and known.guess and known.identity == _signed(identity) else None

    def entry_of_content(self, path: RelPath, identity: Identity) -> Entry | None:
        """As `entry`, for a file that was renamed since (by us): its ctime does not count."""
        known = self._get(path)
        if known is None or known.guess or not known.identity.same_content_as(_signed(identity)):
            return None
        return known.entry

    def identity(self, path: RelPath) -> Identity | None:
        known = self._get(path)
        return known.identity if known is not None else None

    def _get(self, path: RelPath) -> "_Known | None":
        facts = self._young.get(path) or self._old.get(path)
        if facts is None:
            return None
        *seen, guess, mode = _FACTS.unpack_from(facts)
        return _Known(Identity(*seen), guess, Entry(mode, Oid(facts[_FACTS.size :])))


def _signed(identity: Identity) -> Identity:
    """The numbers of some file systems take all 64 bits."""
    if identity.dev < 1 << 63 and identity.ino < 1 << 63:
        return identity
    return identity._replace(dev=identity.dev & (1 << 63) - 1, ino=identity.ino & (1 << 63) - 1)
