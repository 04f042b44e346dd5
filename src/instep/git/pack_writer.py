"""A git pack and its index, made in memory without a process: for bursts, as a file per object is dear.

Formats: gitformat-pack, version 2 of both. No deltas: the next `git gc` makes them.
"""

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

from instep.core.types import Object, ObjectFormat, Oid
from instep.git.deflate import deflated

MOST_BYTES = 32 << 20
"""Objects that go into one pack, unpacked; far below the 2 GiB where an index needs its large table."""

_KINDS = {b"commit": 1, b"tree": 2, b"blob": 3, b"tag": 4}
_HEADER_BYTES = 12


class Pack(NamedTuple):
    """A finished pack: its name (`pack-…` without an ending) and the contents of both files."""

    name: bytes
    data: bytes
    index_data: bytes


class _Item(NamedTuple):
    oid: Oid
    crc: int
    offset: int


def make_packs(objects: Iterable[tuple[Oid, Object]], fmt: ObjectFormat) -> Iterator[Pack]:
    """Packs that together hold the objects, each of about MOST_BYTES at most."""
    part: list[tuple[Oid, Object]] = []
    size = 0
    for oid, item in objects:
        if part and size + len(item.data) > MOST_BYTES:
            yield make_pack(part, fmt)
            part, size = [], 0
        part.append((oid, item))
        size += len(item.data)
    if part:
        yield make_pack(part, fmt)


def make_pack(objects: list[tuple[Oid, Object]], fmt: ObjectFormat) -> Pack:
    """One pack of the objects, each of which must be there once."""
    chunks = [struct.pack(">4sLL", b"PACK", 2, len(objects))]
    items: list[_Item] = []
    offset = _HEADER_BYTES
    for oid, (kind, data) in objects:
        entry = _entry_header(_KINDS[kind], len(data)) + deflated(data)
        items.append(_Item(oid, zlib.crc32(entry), offset))
        chunks.append(entry)
        offset += len(entry)
    body = b"".join(chunks)
    checksum = _digest(body, fmt)
    items.sort()
    index = _index(items, checksum)
    return Pack(b"pack-" + checksum.hex().encode(), body + checksum, index + _digest(index, fmt))


def _digest(data: bytes, fmt: ObjectFormat) -> bytes:
    return hashlib.new(fmt.name, data, usedforsecurity=False).digest()


def _entry_header(kind: int, size: int) -> bytes:
    """Kind and unpacked size: 4 bits of the size first, then 7 at a time, low ones first."""
    header = bytearray()
    byte = (kind << 4) | (size & 15)
    size >>= 4
    while size:
        header.append(byte | 0x80)
        byte = size & 0x7F
        size >>= 7
    header.append(byte)
    return bytes(header)


def _index(items: list[_Item], checksum: bytes) -> bytes:
    """The index up to its own checksum, of items sorted by id."""
    counts = [0] * 256
    for item in items:
        counts[item.oid[0]] += 1
    return b"".join(
        (
            b"\xfftOc\0\0\0\2",
            struct.pack(">256L", *accumulate(counts)),
            b"".join(item.oid for item in items),
            struct.pack(f">{len(items)}L", *(item.crc for item in items)),
            struct.pack(f">{len(items)}L", *(item.offset for item in items)),
            checksum,
        )
    )
