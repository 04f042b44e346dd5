"""One entry of git's index, and its bytes (gitformat-index, the form of versions 2 and 3)."""

import struct
from typing import NamedTuple

from instep.core.types import Entry, Oid, RelPath

STAT = struct.Struct(">10L")
SIZE_AT = 36

ASSUME_VALID = 0x8000
EXTENDED = 0x4000
STAGE = 0x3000
LENGTH = 0x0FFF
SKIP_WORK_TREE = 0x4000  # in the extended flags
INTENT_TO_ADD = 0x2000

_U32 = 0xFFFFFFFF


class IndexEntry(NamedTuple):
    """One entry, with what `lstat` said of the file when git last found it clean (all 0: unknown)."""

    path: RelPath
    mode: int
    oid: Oid
    ctime_ns: int
    mtime_ns: int
    dev: int
    ino: int
    uid: int
    gid: int
    size: int
    flags: int
    extended_flags: int = 0

    @property
    def entry(self) -> Entry:
        return Entry(self.mode, self.oid)

    @property
    def stage(self) -> int:
        """0, or in an unfinished merge 1 to 3."""
        return (self.flags & STAGE) >> 12

    @property
    def is_intent(self) -> bool:
        """Made by `git add -N`: the name is staged, the content is not."""
        return bool(self.extended_flags & INTENT_TO_ADD)

    def encode(self) -> bytes:
        """The entry in the form of versions 2 and 3."""
        stat = STAT.pack(
            *(self.ctime_ns // 10**9 & _U32, self.ctime_ns % 10**9),
            *(self.mtime_ns // 10**9 & _U32, self.mtime_ns % 10**9),
            *(self.dev & _U32, self.ino & _U32, self.mode),
            *(self.uid & _U32, self.gid & _U32, self.size & _U32),
        )
        flags = self.flags & (ASSUME_VALID | STAGE) | min(len(self.path), LENGTH)
        words = struct.pack(">H", flags)
        if self.extended_flags:
            words = struct.pack(">HH", flags | EXTENDED, self.extended_flags)
        text = stat + self.oid + words + self.path
        return text + bytes(8 - len(text) % 8)

    @classmethod
    def decode(cls, data: bytes, oid_bytes: int) -> "IndexEntry":
        """The entry that begins `data` and ends at the first NUL after its flags."""
        ctime_s, ctime_ns, mtime_s, mtime_ns, dev, ino, mode, uid, gid, size = STAT.unpack_from(data)
        at = STAT.size + oid_bytes
        oid = Oid(data[STAT.size : at])
        (flags,) = struct.unpack_from(">H", data, at)
        (extended,) = struct.unpack_from(">H", data, at + 2) if flags & EXTENDED else (0,)
        start = at + (4 if flags & EXTENDED else 2)
        path = RelPath(data[start : data.index(0, start)])
        ctime_ns, mtime_ns = ctime_s * 10**9 + ctime_ns, mtime_s * 10**9 + mtime_ns
        return cls(path, mode, oid, ctime_ns, mtime_ns, dev, ino, uid, gid, size, flags, extended)
