"""Frames to bytes and back, without any input or output.

A frame on the wire is its length in bytes (four bytes, most significant first, without themselves) and then
msgpack. Whatever arrives, only ProtocolError comes out, and no more memory is taken than the bytes that did
arrive and the frame decoded from them.
"""

import msgspec

from instep.remotes.errors import ProtocolError
from instep.remotes.frames import Frame

MAX_FRAME = 8 << 20
"""The longest frame, in bytes, without its length."""
MAX_HELLO = 64 << 10
"""The longest first frame."""
HEADER_BYTES = 4

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)


class FrameTooLarge(ValueError):
    """A frame that this side wanted to send is over MAX_FRAME: the caller should have split it."""


def encode(frame: Frame) -> bytes:
    """The frame as it goes over the wire. Raises FrameTooLarge."""
    payload = _encoder.encode(frame)
    if len(payload) > MAX_FRAME:
        raise FrameTooLarge(f"{type(frame).__name__} of {len(payload)} bytes")
    return len(payload).to_bytes(HEADER_BYTES, "big") + payload


class Decoder:
    """Bytes in by `feed`, frames out by `next_frame`, in time linear in the bytes.

    Frames before a fault still come out; once ProtocolError was raised, it is raised for ever.
    """

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self.max_frame = max_frame
        self._buffer: bytes | bytearray = b""
        self._start = 0
        self._error: ProtocolError | None = None

    def feed(self, data: bytes) -> None:
        """Takes what arrived, in whatever pieces."""
        if self._start == len(self._buffer):
            self._buffer = data  # mostly whole frames: nothing is copied
        elif isinstance(self._buffer, bytearray):
            del self._buffer[: self._start]  # moves the start, not the bytes
            self._buffer += data
        else:
            self._buffer = bytearray(memoryview(self._buffer)[self._start :])
            self._buffer += data
        self._start = 0

    def next_frame(self) -> Frame | None:
        """The next whole frame, or None until more is fed. Raises ProtocolError."""
        if self._error is not None:
            raise self._error
        length = self._next_length()
        if length is None:
            return None
        begin = self._start + HEADER_BYTES
        if length > self.max_frame:
            raise self._fail(self._too_long(length))
        if len(self._buffer) - begin < length:
            return None
        self._start = begin + length
        return self._decode(begin, begin + length)

    @property
    def missing_bytes(self) -> int:
        """How many bytes the frame that has begun still lacks; 0 when none has begun."""
        length = self._next_length()
        if length is None:
            return 0
        return max(0, HEADER_BYTES + min(length, self.max_frame) - (len(self._buffer) - self._start))

    def finish(self) -> None:
        """The stream has ended. Raises ProtocolError if that was in the middle of a frame."""
        if self._error is None and self._start < len(self._buffer):
            self._fail("The connection ended in the middle of a frame.")
        if self._error is not None:
            raise self._error

    def _next_length(self) -> int | None:
        if len(self._buffer) - self._start < HEADER_BYTES:
            return None
        return int.from_bytes(self._buffer[self._start : self._start + HEADER_BYTES], "big")

    def _decode(self, begin: int, end: int) -> Frame:
        try:
            with memoryview(self._buffer) as whole, whole[begin:end] as payload:
                return _decoder.decode(payload)
        except UnicodeDecodeError:
            reason = "it holds text that is not UTF-8"
        except msgspec.MsgspecError as error:
            reason = str(error)
        except RecursionError:
            reason = "it is nested too deeply"
        raise self._fail(f"A frame cannot be understood: {reason}.")

    def _too_long(self, length: int) -> str:
        """Noise before the first frame is mostly text: a banner, or an error of ssh or of a shell."""
        text = bytes(self._buffer[self._start : self._start + 200])
        if text[:HEADER_BYTES].isascii() and text[:HEADER_BYTES].decode().isprintable():
            line = text.split(b"\n")[0].decode("utf-8", "replace").strip()
            shown = "".join(c for c in line if c.isprintable())
            return f"The other side answered with text instead of the link protocol: {shown}"
        return f"A frame of {length} bytes is longer than the {self.max_frame} that are allowed."

    def _fail(self, sentence: str) -> ProtocolError:
        self._error = ProtocolError(sentence)
        self._buffer = b""
        self._start = 0
        return self._error
