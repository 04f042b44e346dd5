"""Packing the contents of git's objects: fast rather than small, as `git gc` packs them again.

zlib's usual state takes 270 KB, which the C library may have from the kernel and give back at each call; for
content of a few KiB that takes longer than the packing. A smaller window does as well there (RFC 1950: the
stream says which, and every reader heeds it).
"""

import struct
import zlib

_FAST = 1
"""zlib's fastest level, some per cent larger than git's own default."""
_SMALL_BYTES, _SMALL_MEMORY, _USUAL_MEMORY = 8 << 10, 5, 8
_LEAST_WINDOW_BITS, _MOST_WINDOW_BITS = 9, 15

_DENSE_FROM_BYTES = 2 << 10
_PROBE_BYTES, _MANY_VALUES = 96, 68
"""Of that many random bytes 80 are different, give or take 3; of text, in whatever script, some 25 to 55."""

_STORED_HEADER = b"\x78\x01"
_MOST_STORED_BYTES = 0xFFFF
_block_header = struct.Struct("<BHH").pack


def deflated(data: bytes) -> bytes:
    """A zlib stream that inflates to `data`. What is dense already is stored as it is."""
    return _stored(data) if _is_dense(data) else _packed(data)


def _is_dense(data: bytes) -> bool:
    """Photographs, archives and what is encrypted do not get smaller, and trying takes many times as long as
    copying. Their middle tells, where no header is any more."""
    if len(data) < _DENSE_FROM_BYTES:
        return False
    middle = len(data) // 2
    return len(set(data[middle : middle + _PROBE_BYTES])) > _MANY_VALUES


def _packed(data: bytes) -> bytes:
    window_bits = max(_LEAST_WINDOW_BITS, min(len(data).bit_length(), _MOST_WINDOW_BITS))
    memory = _SMALL_MEMORY if len(data) <= _SMALL_BYTES else _USUAL_MEMORY
    packer = zlib.compressobj(_FAST, zlib.DEFLATED, window_bits, memory)
    return packer.compress(data) + packer.flush()


def _stored(data: bytes) -> bytes:
    """As level 0 does, without zlib's state. Blocks and check: RFC 1951 3.2.4, RFC 1950 2.2."""
    parts = [_STORED_HEADER]
    for start in range(0, len(data), _MOST_STORED_BYTES):
        part = data[start : start + _MOST_STORED_BYTES]
        is_last = start + len(part) == len(data)
        parts += (_block_header(is_last, len(part), len(part) ^ 0xFFFF), part)
    parts.append(zlib.adler32(data).to_bytes(4, "big"))
    return b"".join(parts)
