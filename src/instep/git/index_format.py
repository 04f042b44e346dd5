"""git's index file as bytes: where its entries and extensions are.

Format: gitformat-index, versions 2, 3 and 4. Entries of versions 2 and 3 are found where they stand and are
not copied, because an index may hold a million; version 4 is turned into that form first. Refused, for git
to deal with: split and sparse indexes and required extensions that are not known here.

Finding where entries begin takes most of the time (an entry's length is known only from its own bytes), so
the beginnings of blocks of entries can be kept from one writing to the next.
"""

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from instep.git.errors import UnsupportedIndex
from instep.git.index_entry import EXTENDED, SIZE_AT, STAT, IndexEntry
from instep.git.index_v4 import unpack_names

HEADER = struct.Struct(">4sLL")

_BLOCK = 256
_U32 = 0xFFFFFFFF


class Edit(NamedTuple):
    """Bytes that take the place of the entries from `start` up to `end` (equal: they are inserted there).

    Content is one entry or nothing. Edits sort into the order in which they are made.
    """

    start: int
    end: int
    path: bytes
    content: bytes


class Memory(NamedTuple):
    """What is remembered of an index that was written here, as long as the file stays the same.

    `file` tells that; `blocks` and `end` as in RawIndex. None of its entries was racy.
    """

    file: tuple[int, ...]
    blocks: Sequence[int]
    end: int


class _Block(NamedTuple):
    """Some entries in a row: their paths, and where they begin; one more, where the last one ends."""

    names: list[bytes]
    starts: list[int]


class RawIndex:
    """An index's bytes, and what stands where in them. Raises UnsupportedIndex.

    `blocks`: where every few hundredth entry begins, the first one included; `end`: where the last one ends.
    `racy`: positions of the `size` of entries as young as the index, `since_s` being its mtime: git does
    not trust them, and must not begin to.
    """

    def __init__(
        self, data: bytes, oid_bytes: int, *, since_s: int = _U32, known: Memory | None = None
    ) -> None:
        self.oid_bytes = oid_bytes
        self.name_at = STAT.size + oid_bytes + 2
        self.racy: list[int] = []
        self._parsed: dict[int, _Block] = {}
        try:
            signature, self.version, self.count = HEADER.unpack_from(data)
            if signature != b"DIRC" or self.version not in (2, 3, 4):
                raise UnsupportedIndex(f"This is no index that is known here (version {self.version}).")
            rest = data
            if self.version == 4:
                data, rest = unpack_names(data, HEADER.size, self.count, self.name_at)
            self.data = data
            if known is None:
                self.blocks, self.end = self._scan(since_s)
            else:
                self.blocks, self.end = known.blocks, known.end
            self.extensions = list(_extensions(rest, self.end if rest is data else 0, oid_bytes))
        except (ValueError, IndexError, struct.error) as error:
            raise UnsupportedIndex("The index is broken.", "git status says more.") from error

    @classmethod
    def empty(cls, oid_bytes: int) -> "RawIndex":
        """An index of version 2 without entries."""
        return cls(HEADER.pack(b"DIRC", 2, 0) + bytes(oid_bytes), oid_bytes)

    def find(self, path: bytes) -> tuple[int, int]:
        """Where the first entry of a path begins and ends; if there is none, twice where it would begin."""
        if not self.blocks:
            return self.end, self.end
        names, starts = self._block(self._block_of(path))
        at = bisect_left(names, path)
        return starts[at], starts[at + (at < len(names) and names[at] == path)]

    def changed_since(self, since_s: int) -> Iterator[bytes]:
        """The paths of entries whose files had a ctime of then or later when git saw them."""
        data, position, stamp = self.data, HEADER.size, struct.pack(">L", since_s & _U32)
        while position < self.end:
            start = self._name_start(position)
            nul = data.index(0, start)
            if data[position : position + 4] >= stamp:
                yield data[start:nul]
            position += (nul - position + 8) & -8

    def entry(self, start: int, end: int) -> IndexEntry:
        """The entry at this place."""
        return IndexEntry.decode(self.data[start:end], self.oid_bytes)

    def entries(self) -> Iterator[IndexEntry]:
        """All of them."""
        for number in range(len(self.blocks)):
            starts = self._block(number).starts
            for start, end in pairwise(starts):
                yield self.entry(start, end)

    def below(self, directory: bytes) -> Iterator[bytes]:
        """The paths that begin with this one, which ends in a slash."""
        number = self._block_of(directory) if self.blocks else 0
        while number < len(self.blocks):
            names = self._block(number).names
            for name in names[bisect_left(names, directory) :]:
                if not name.startswith(directory):
                    return
                yield name
            number += 1

    def blocks_after(self, edits: Sequence[Edit]) -> tuple[list[int], int]:
        """Where blocks begin and the last one ends, once these edits, in order, are made."""
        blocks: set[int] = set()
        shift = 0
        waiting = iter((*self.blocks, self.end + 1))
        start = next(waiting)
        for number, edit in enumerate(edits):
            while start <= edit.start:
                blocks.add(start + shift)
                start = next(waiting)
            if edit.content and number % _BLOCK == 0:
                blocks.add(edit.start + shift)
            shift += len(edit.content) - (edit.end - edit.start)
        blocks.update(other + shift for other in (start, *waiting))
        end = self.end + shift
        return sorted(block for block in blocks if block < end), end

    def _block_of(self, path: bytes) -> int:
        return max(0, bisect_right(self.blocks, path, key=self._name) - 1)

    def _block(self, number: int) -> _Block:
        """One block, read when it is first asked for."""
        if (block := self._parsed.get(number)) is None:
            last = self.blocks[number + 1] if number + 1 < len(self.blocks) else self.end
            names: list[bytes] = []
            starts = [position := self.blocks[number]]
            while position < last:
                start = self._name_start(position)
                nul = self.data.index(0, start)
                names.append(self.data[start:nul])
                position += (nul - position + 8) & -8
                starts.append(position)
            self._parsed[number] = block = _Block(names, starts)
        return block

    def _name(self, position: int) -> bytes:
        start = self._name_start(position)
        return self.data[start : self.data.index(0, start)]

    def _name_start(self, position: int) -> int:
        extended = self.version > 2 and self.data[position + self.name_at - 2] & (EXTENDED >> 8)
        return position + self.name_at + (2 if extended else 0)

    def _scan(self, since_s: int) -> tuple[Sequence[int], int]:
        """Looks at every entry: where blocks begin and the last one ends; notes the racy ones."""
        data, blocks, racy, find_nul = self.data, array("Q"), self.racy, self.data.index
        position, name_at = HEADER.size, self.name_at
        stamp = struct.pack(">L", since_s & _U32)
        for number in range(self.count):
            if number % _BLOCK == 0:
                blocks.append(position)
            if data[position + 8 : position + 12] >= stamp:
                racy.append(position + SIZE_AT)
            start = position + name_at if self.version == 2 else self._name_start(position)
            position += (find_nul(0, start) - position + 8) & -8
        if position > len(data):
            raise ValueError("entries end after the file")
        return blocks, position


def _extensions(data: bytes, position: int, oid_bytes: int) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents of the extensions that start at `position`."""
    end = len(data) - oid_bytes
    while position < end:
        name, size = struct.unpack_from(">4sL", data, position)
        position += 8 + size
        if position > end:
            raise ValueError("an extension ends after the file")
        if not name[:1].isupper():
            raise UnsupportedIndex(f"The index needs git's extension {name.decode(errors='replace')!r}.")
        yield name, data[position - size : position]
