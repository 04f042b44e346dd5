"""The first exchange on a fresh connection: both sides send Hello at once, and read the other's."""

from anyio import BrokenResourceError, ClosedResourceError, EndOfStream, fail_after, move_on_after
from anyio.abc import ByteStream

from instep.remotes.errors import LinkError, PeerGone, ProtocolError, Refused
from instep.remotes.frames import Bye, Hello
from instep.remotes.hello import Agreement, negotiate
from instep.remotes.wire import MAX_FRAME, Decoder, encode

READ_BYTES = 64 << 10
FAREWELL_S = 1.0


async def greet(
    stream: ByteStream, decoder: Decoder, ours: Hello, timeout_s: float
) -> tuple[Hello, Agreement]:
    """Who is there and what holds between us; `decoder` may know bytes already and keeps what follows.

    Raises LinkError, having told the other side why if that makes sense; the stream is the caller's to close.
    """
    try:
        with fail_after(timeout_s):
            await stream.send(encode(ours))
            theirs = await _hello(stream, decoder)
    except TimeoutError:
        raise PeerGone(f"The other side did not answer within {timeout_s:g} seconds.") from None
    except (BrokenResourceError, ClosedResourceError, OSError) as error:
        raise PeerGone("The connection broke before the link was open.") from error
    except ProtocolError as error:
        await say_bye(stream, str(error))
        raise
    try:
        agreement = negotiate(ours, theirs)
    except LinkError as error:
        await say_bye(stream, str(error))
        raise
    decoder.max_frame = MAX_FRAME
    return theirs, agreement


async def say_bye(stream: ByteStream, reason: str) -> None:
    """Tries to tell the other side why; a connection that takes no more bytes is left alone."""
    with move_on_after(FAREWELL_S):
        try:
            await stream.send(encode(Bye(reason)))
        except (BrokenResourceError, ClosedResourceError, OSError):
            return


async def _hello(stream: ByteStream, decoder: Decoder) -> Hello:
    while (frame := decoder.next_frame()) is None:
        try:
            decoder.feed(await stream.receive(READ_BYTES))
        except EndOfStream:
            decoder.finish()
            raise PeerGone("The other side closed the connection before the link was open.") from None
    match frame:
        case Hello():
            return frame
        case Bye():
            raise Refused(f"The other side refused the link: {frame.reason or 'it gave no reason.'}")
        case _:
            raise ProtocolError(f"The first frame was {type(frame).__name__} instead of Hello.")
