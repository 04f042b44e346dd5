"""Version 4 of git's index: names without what they share with the name before them, no padding."""

from instep.git.index_entry import EXTENDED


def unpack_names(data: bytes, header_bytes: int, count: int, name_at: int) -> tuple[bytes, bytes]:
    """The entries of a version 4 index in the form of version 3 (header included), and what follows them."""
    parts = [data[:header_bytes]]
    position, name = header_bytes, b""
    for _ in range(count):
        start = position
        position += name_at + (2 if data[position + name_at - 2] & (EXTENDED >> 8) else 0)
        fixed = data[start:position]
        strip, position = _varint(data, position)
        nul = data.index(0, position)
        if strip > len(name):
            raise ValueError("more is taken off a name than it has")
        name = name[: len(name) - strip] + data[position:nul]
        position = nul + 1
        text = fixed + name
        parts.append(text + bytes(8 - len(text) % 8))
    return b"".join(parts), data[position:]


def pack_names(entries: bytes, count: int, name_at: int) -> bytes:
    """Entries in the form of version 3, to version 4."""
    parts: list[bytes] = []
    position, before = 0, b""
    for _ in range(count):
        start = position + name_at + (2 if entries[position + name_at - 2] & (EXTENDED >> 8) else 0)
        nul = entries.index(0, start)
        name = entries[start:nul]
        same = _common(before, name)
        parts += (entries[position:start], _encode_varint(len(before) - same), name[same:], b"\0")
        position += (nul - position + 8) & -8
        before = name
    return b"".join(parts)


def _common(one: bytes, other: bytes) -> int:
    """The number of bytes that both begin with."""
    most = min(len(one), len(other))
    if one[:most] == other[:most]:
        return most
    return next(at for at in range(most) if one[at] != other[at])


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """git's variable-width number (as in the offsets of pack deltas), and where it ends."""
    byte = data[position]
    value = byte & 127
    while byte & 128:
        position += 1
        byte = data[position]
        value = ((value + 1) << 7) | (byte & 127)
    return value, position + 1


def _encode_varint(value: int) -> bytes:
    encoded = [value & 127]
    while value := value >> 7:
        value -= 1
        encoded.append(128 | (value & 127))
    return bytes(reversed(encoded))
