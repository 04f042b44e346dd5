"""Frames to bytes and back; whatever arrives, nothing worse than ProtocolError."""

import random
import tracemalloc
from itertools import pairwise

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from instep.remotes.errors import ProtocolError
from instep.remotes.frames import Content, Frame, Pack, Ping
from instep.remotes.wire import MAX_FRAME, MAX_HELLO, Decoder, FrameTooLarge, encode
from tests.remotes.samples import FRAMES, SAMPLES

SESSION = b"".join(map(encode, SAMPLES))


def decode_all(*chunks: bytes) -> list[Frame]:
    """All frames of a stream that ends after the chunks. Raises ProtocolError."""
    decoder, found = Decoder(), list[Frame]()
    for chunk in chunks:
        decoder.feed(chunk)
        while (frame := decoder.next_frame()) is not None:
            found.append(frame)
    decoder.finish()
    return found


def framed(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + payload


@given(st.lists(FRAMES, max_size=5), st.data())
def test_every_frame_comes_back_however_it_is_cut(frames: list[Frame], data: st.DataObject) -> None:
    stream = b"".join(map(encode, frames))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[a:b] for a, b in pairwise([0, *cuts, len(stream)])]
    assert decode_all(*chunks) == frames


def test_one_byte_at_a_time() -> None:
    assert decode_all(*(SESSION[n : n + 1] for n in range(len(SESSION)))) == list(SAMPLES)


@pytest.mark.parametrize("chunk_bytes", [512, 65_536, MAX_FRAME + 4])
def test_the_largest_frame(chunk_bytes: int) -> None:
    """In 512-byte pieces this would take minutes if each piece had its buffer copied."""
    frame = Pack(b"x" * (MAX_FRAME - 8))
    stream = encode(frame) + encode(Ping(1))
    assert len(stream) == MAX_FRAME + 4 + len(encode(Ping(1)))
    chunks = [stream[n : n + chunk_bytes] for n in range(0, len(stream), chunk_bytes)]
    assert decode_all(*chunks) == [frame, Ping(1)]


def test_a_frame_over_the_limit_is_not_sent() -> None:
    with pytest.raises(FrameTooLarge):
        encode(Pack(b"x" * MAX_FRAME))


@pytest.mark.parametrize("length", [MAX_FRAME + 1, 2**31, 2**32 - 1])
def test_a_length_over_the_limit_is_refused_at_once(length: int) -> None:
    with pytest.raises(ProtocolError, match="longer than"):
        decode_all(length.to_bytes(4, "big"))


def test_the_limit_of_the_first_frame() -> None:
    decoder = Decoder(MAX_HELLO)
    decoder.feed((MAX_HELLO + 1).to_bytes(4, "big"))
    with pytest.raises(ProtocolError, match="longer than"):
        decoder.next_frame()


def test_noise_of_a_login_shell_is_shown() -> None:
    with pytest.raises(ProtocolError, match=r"text instead of the link protocol: Welcome to box$"):
        decode_all(b"Welcome to\x1b box\nsecond line\n")


def test_a_session_cut_at_every_byte() -> None:
    ends: list[int] = []
    for sample in SAMPLES:
        ends.append((ends[-1] if ends else 0) + len(encode(sample)))
    for cut in range(len(SESSION)):
        if cut in (0, *ends):
            assert decode_all(SESSION[:cut]) == list(SAMPLES[: sum(end <= cut for end in ends)])
        else:
            with pytest.raises(ProtocolError):
                decode_all(SESSION[:cut])


def test_frames_before_a_fault_come_out_and_the_fault_stays() -> None:
    decoder = Decoder()
    decoder.feed(encode(Ping(1)) + framed(b"\xc0") + encode(Ping(2)))
    assert decoder.next_frame() == Ping(1)
    for _ in range(2):
        with pytest.raises(ProtocolError):
            decoder.next_frame()
    decoder.feed(encode(Ping(3)))
    with pytest.raises(ProtocolError):
        decoder.next_frame()


HOSTILE = {
    "nothing": b"",
    "no array": b"\xc0",
    "an unknown number": b"\x91\x63",
    "no number": b"\x91\xa5hello",
    "bytes after the end": msgspec.msgpack.encode(Ping(1)) + b"\0",
    "an array that claims 2^32 fields": b"\xdd\xff\xff\xff\xff\x0e\x01",
    "a list that claims 2^32 items": b"\x92\x03\xdd\xff\xff\xff\xff",
    "bytes that claim 2^32": b"\x93\x05\xc6\xff\xff\xff\xffab\xc3",
    "a map that claims 2^32 in place of a field to come": b"\x93\x0e\x01\xdf\xff\xff\xff\xff",
    "deep nesting in a field to come": b"\x93\x0e\x01" + b"\x91" * 1_000_000,
    "too many items": b"\x92\x0d\xdc\x10\x01" + b"\xc4\x01k" * 4097,
    "no items": b"\x92\x0d\x90",
    "an empty key": b"\x92\x0d\x91\xc4\x00",
    "a negative number": b"\x92\x0e\xff",
    "a number over 63 bits": b"\x92\x0e\xcf" + b"\xff" * 8,
    "a float": b"\x92\x0e\xca\x00\x00\x00\x00",
    "text that is no UTF-8": b"\x92\x10\xa2\xff\xfe",
    "text of 501 characters": b"\x92\x10\xda\x01\xf5" + b"x" * 501,
    "text in place of bytes": b"\x93\x05\xa1x\xc3",
    "a short object id": b"\x93\x08\x01\x91\xc4\x13" + b"x" * 19,
    "an object of no kind": b"\x92\x03\x91\x92\xc4\x04evil\xc4\x00",
    "an object with three parts": b"\x92\x03\x91\x93\xc4\x04blob\xc4\x00\xc4\x00",
    "an unknown outcome": b"\x94\x07\x01\xa5maybe\xa0",
    "a missing field": b"\x91\x0e",
}


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_frames_are_refused_with_a_sentence(payload: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_all(framed(payload))
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_fields_of_a_newer_version_are_skipped() -> None:
    assert decode_all(framed(b"\x94\x0e\x07\xa3new\x93\x01\x02\x81\xa1a\xc0")) == [Ping(7)]


def test_a_hostile_frame_cannot_bloat_the_process() -> None:
    """8 MiB of empty things must not become a hundred times that in objects."""
    many = (MAX_FRAME - 16).to_bytes(4, "big")
    payloads = [
        b"\x92\x03\xdd" + many + b"\x92\xc4\x00\xc4\x00" * ((MAX_FRAME - 16) // 5),
        b"\x93\x0e\x01\xdd" + many + b"\x90" * (MAX_FRAME - 16),
        b"\x92\x0d\xdd" + many + b"\xc0" * (MAX_FRAME - 16),
    ]
    for payload in payloads:
        stream = framed(payload)
        tracemalloc.start()
        try:
            with pytest.raises(ProtocolError):
                decode_all(stream, b"\0")
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak_bytes < 3 * MAX_FRAME


@given(st.binary(max_size=400))
@example(b"\0\0\0\0")
def test_random_bytes(data: bytes) -> None:
    _only_protocol_errors(data)


@given(st.binary(max_size=200))
def test_random_payloads(payload: bytes) -> None:
    _only_protocol_errors(framed(payload))


@given(
    st.recursive(
        st.none() | st.integers(0, 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=9), st.lists
    )
)
def test_random_values_in_the_place_of_frames(value: object) -> None:
    for number in range(len(SAMPLES) + 2):
        fields: list[object] = [number, value, value, value]
        _only_protocol_errors(framed(msgspec.msgpack.encode(fields)))


@given(st.integers(0, 2**32))
def test_damaged_sessions(seed: int) -> None:
    rng = random.Random(seed)
    stream = bytearray(SESSION)
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(stream))
        match rng.randrange(4):
            case 0:
                stream[at] = rng.randrange(256)
            case 1:
                del stream[at : at + rng.randrange(1, 9)]
            case 2:
                stream[at:at] = rng.randbytes(rng.randrange(1, 9))
            case _:
                stream[at:at] = stream[: rng.randrange(30)]
    _only_protocol_errors(bytes(stream))


def test_what_a_frame_lacks_is_known() -> None:
    stream = encode(Content(1, 0, 100, b"x" * 100))
    decoder = Decoder()
    assert decoder.missing_bytes == 0
    decoder.feed(stream[:10])
    assert decoder.missing_bytes == len(stream) - 10
    decoder.feed(stream[10:] + b"\0")
    assert decoder.next_frame() is not None
    assert decoder.missing_bytes == 0


def _only_protocol_errors(stream: bytes) -> None:
    decoder = Decoder()
    decoder.feed(stream)
    try:
        while decoder.next_frame() is not None:
            pass
        decoder.finish()
    except ProtocolError as error:
        assert str(error).endswith(".") or "text instead of" in str(error)  # noqa: PT017
