"""Which updates an index takes, and what its entries become: decided before a byte is written."""

import os
from collections.abc import Mapping
from typing import NamedTuple

from instep.core.types import Entry, RelPath
from instep.fs.identity import Identity
from instep.git.index_entry import ASSUME_VALID, SKIP_WORK_TREE, IndexEntry
from instep.git.index_format import Edit, RawIndex

_NS = 10**9
_FUTURE_S = 2


class IndexUpdate(NamedTuple):
    """One path's new entry (None: none), applied if the index holds `before` (or the new entry already).

    `identity`: the work tree file's, known to hold just this entry; None if that is not known: git finds out.
    """

    before: Entry | None
    entry: Entry | None
    identity: Identity | None = None
    left_out: bool = False
    """Whether a new entry is marked as absent from the work tree on purpose (`skip-worktree`)."""
    also: tuple[Entry | None, ...] = ()
    """What else the index may hold for the update to be applied."""


class IndexChanges:
    """What a set of updates does to one index, as edits in its order.

    `unsettled`: paths whose stat data can't be written yet: the file is as young as the index, or it moved
    on. `changed`: paths whose entries are other ones, not only better known.
    """

    def __init__(self, index: RawIndex, root: bytes, now_s: int) -> None:
        self._index = index
        self._root = root
        self._now_s = now_s
        self._removed: set[bytes] = set()
        self.edits: list[Edit] = []
        self.changed: set[RelPath] = set()
        self.unsettled: set[RelPath] = set()
        self.need_version_3 = False

    def collect(self, updates: Mapping[RelPath, IndexUpdate]) -> None:
        """Decides on all updates; removals first, because they make room."""
        for path, update in updates.items():
            if update.entry is None:
                self._remove(path, update)
        for path, update in updates.items():
            if update.entry is not None:
                self._set(path, update, update.entry)
        self.edits.sort()

    def _remove(self, path: RelPath, update: IndexUpdate) -> None:
        start, end, held = self._held(path)
        if (
            held is not None
            and not held.stage
            and not held.is_intent
            and held.entry
            in (
                update.before,
                *update.also,
            )
        ):
            self._removed.add(path)
            self.changed.add(path)
            self.edits.append(Edit(start, end, path, b""))

    def _set(self, path: RelPath, update: IndexUpdate, entry: Entry) -> None:
        start, end, held = self._held(path)
        if held is not None and held.stage:
            return  # a person is merging this file
        staged = None if held is None or held.is_intent else held.entry
        if staged not in (entry, update.before, *update.also) or (held is None and self._clashes(path)):
            return
        new = self._known(path, entry, update.identity)
        if held is not None:
            if staged == entry and new.mtime_ns == 0:
                return  # git may know more of the file than we do
            new = new._replace(
                flags=held.flags & ASSUME_VALID, extended_flags=held.extended_flags & SKIP_WORK_TREE
            )
        elif update.left_out:
            new = new._replace(extended_flags=SKIP_WORK_TREE)
            self.need_version_3 = True
        content = new.encode()
        if content != self._index.data[start:end]:
            self.edits.append(Edit(start, end, path, content))
            if staged != entry:
                self.changed.add(path)

    def _held(self, path: bytes) -> tuple[int, int, IndexEntry | None]:
        """Where the path's entry is (or would be), and the entry."""
        start, end = self._index.find(path)
        return start, end, self._index.entry(start, end) if start < end else None

    def _known(self, path: RelPath, entry: Entry, identity: Identity | None) -> IndexEntry:
        """The entry with the file's stat data, or with none where git must look for itself."""
        unknown = IndexEntry(path, entry.mode, entry.oid, 0, 0, 0, 0, 0, 0, 0, 0)
        if identity is None:
            return unknown
        try:
            st = os.lstat(self._root + b"/" + path)
        except OSError:
            st = None
        if st is None or Identity.of(st) != identity:
            self.unsettled.add(path)
            return unknown
        age_s = self._now_s - st.st_mtime_ns // _NS
        if age_s <= 0:
            if age_s > -_FUTURE_S:
                self.unsettled.add(path)  # waiting helps, but not with a date far in the future
            return unknown
        times = (st.st_ctime_ns, st.st_mtime_ns)
        return unknown._replace(
            ctime_ns=times[0], mtime_ns=times[1], dev=st.st_dev, ino=st.st_ino, uid=st.st_uid, gid=st.st_gid,
            size=st.st_size,
        )  # fmt: skip

    def _clashes(self, path: RelPath) -> bool:
        """Whether the index holds the path as a directory, or a directory of it as a file."""
        above: bytes = path
        while slash := above.rfind(b"/") + 1:
            above = above[: slash - 1]
            if above not in self._removed and self._held(above)[2] is not None:
                return True
        return any(name not in self._removed for name in self._index.below(path + b"/"))
