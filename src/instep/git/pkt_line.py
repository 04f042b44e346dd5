"""git's pkt-lines, in which its programs speak with each other (gitprotocol-common)."""

from collections.abc import Iterable, Iterator
from typing import IO

FLUSH = b"0000"
DELIMITER = b"0001"
MOST_BYTES = 65520


class BadPacket(Exception):
    """What came is no pkt-line, or the stream ended."""


def packet(data: bytes) -> bytes:
    """One line, framed."""
    return b"%04x%b" % (len(data) + 4, data)


def packets(stream: IO[bytes]) -> Iterator[bytes]:
    """The lines up to the next flush, without their newlines. Raises BadPacket, OSError."""
    while True:
        head = stream.read(4)
        try:
            length = int(head, 16) if len(head) == 4 else -1
        except ValueError:
            length = -1
        if length == 0:
            return
        if not 4 <= length <= MOST_BYTES:
            raise BadPacket(head)
        data = stream.read(length - 4)
        if len(data) != length - 4:
            raise BadPacket(data)
        yield data.removesuffix(b"\n")


def framed(lines: Iterable[bytes]) -> bytes:
    """Lines and a flush."""
    return b"".join(map(packet, lines)) + FLUSH
