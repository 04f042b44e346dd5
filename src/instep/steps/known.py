"""What instep knows of the files in the work tree: which one holds which version.

A file is recognised by identity (device, inode, size, mtime, ctime), never by the time of an event (I4).
What is forgotten is looked at again, so this is a cache with a bound, not a record.
"""

from collections import OrderedDict

from instep.core.types import Entry, RelPath
from instep.fs.identity import Identity

CAPACITY = 65_536
"""Paths remembered; about 300 bytes each."""


class KnownFiles:
    """Path to (identity, entry) of the files that were last written or read. One thread at a time."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._files: OrderedDict[RelPath, tuple[Identity, Entry]] = OrderedDict()

    def note(self, path: RelPath, identity: Identity, entry: Entry) -> None:
        """The file at this path, being this very file, holds this entry."""
        self._files[path] = (identity, entry)
        self._files.move_to_end(path)
        if len(self._files) > self._capacity:
            self._files.popitem(last=False)

    def forget(self, path: RelPath) -> None:
        self._files.pop(path, None)

    def entry(self, path: RelPath, identity: Identity) -> Entry | None:
        """The entry that the file holds, if it is still the same file. # I4"""
        known = self._files.get(path)
        return known[1] if known is not None and known[0] == identity else None

    def entry_of_content(self, path: RelPath, identity: Identity) -> Entry | None:
        """As `entry`, for a file that was renamed since (by us): its ctime does not count."""
        known = self._files.get(path)
        return known[1] if known is not None and known[0].same_content_as(identity) else None

    def identity(self, path: RelPath) -> Identity | None:
        known = self._files.get(path)
        return known[0] if known is not None else None
