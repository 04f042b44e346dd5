"""The frames of the link: what two folders say to each other.

Each frame is a msgpack array: its number, then its fields in the order given here. A field can be added at
the end, with a default; numbers and places never change. Every length and count has a bound that is checked
while decoding, before memory is taken. `docs/link-protocol.md` describes each of them for strangers; a test
compares the two.

Frames come in three lanes. Frames of one lane arrive in the order in which they were sent; a frame of an
earlier lane may overtake those of a later one:

- `CONTROL`: small, about state; never waits behind data
- `HISTORY`: git objects, inline content and the moves that need them, strictly in order
- `CONTENT`: file content, which nothing waits behind
"""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from instep.core.status import shown
from instep.core.types import Key, Object, Oid

PROTOCOL = 2
"""The highest protocol version that this program speaks."""
OLDEST_PROTOCOL = 1
"""The oldest one that it still speaks."""

MAX_TEXT = 500
MAX_KEY_BYTES = 1024
MAX_PATH_BYTES = 4096
MAX_OBJECTS = 16_384
MAX_INLINE = 4_096
MAX_KEYS = 4_096
MAX_UPDATES = 64
MAX_HAVE = 256
MAX_FEATURES = 64
OBJECT_KINDS = frozenset((b"blob", b"tree", b"commit", b"tag"))

Version = Annotated[int, Meta(ge=1, le=65_535)]
Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Ref = Annotated[str, Meta(max_length=MAX_TEXT)]
OidBytes = Annotated[Oid, Meta(min_length=20, max_length=32)]
KeyBytes = Annotated[Key, Meta(min_length=1, max_length=MAX_KEY_BYTES)]


class Lane(IntEnum):
    """What a frame may overtake: lower goes first."""

    CONTROL = 0
    HISTORY = 1
    CONTENT = 2


class Item(NamedTuple):
    """The whole content of one annex key."""

    key: KeyBytes
    data: bytes


class RefMove(NamedTuple):
    """Move `ref` from `old` (`None`: it must not exist) to `new`."""

    ref: Ref
    old: OidBytes | None
    new: OidBytes


class Hello(Struct, frozen=True, array_like=True, tag=1):
    """Who I am. The first frame of each side, sent at once and never again."""

    protocol: Version
    oldest: Version
    software: Text
    uuid: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z][0-9A-Za-z-]*\Z")]
    object_format: Annotated[str, Meta(min_length=1, max_length=16)]
    name: Text = ""
    features: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=MAX_FEATURES)] = ()

    def __post_init__(self) -> None:
        for field in ("software", "object_format", "name"):
            _clean(self, field)


class Heads(Struct, frozen=True, array_like=True, tag=2):
    """My state now; the first frame after `Hello`, and again after every change. The newest one counts.

    `settled`: nothing waits to be committed or merged. `missing`, `missing_bytes`: content that I want and
    lack. `conditions`: how many things a person should look at.
    """

    branch: Ref
    head: OidBytes | None
    annex: OidBytes | None
    settled: bool = False
    missing: Number = 0
    missing_bytes: Number = 0
    conditions: Number = 0


class Objects(Struct, frozen=True, array_like=True, tag=3):
    """New git objects that a later `Move` needs; raw, what they name comes first."""

    items: Annotated[tuple[Object, ...], Meta(min_length=1, max_length=MAX_OBJECTS)]

    def __post_init__(self) -> None:
        for item in self.items:
            if item.kind not in OBJECT_KINDS:
                raise ValueError("an object is of no kind that git has")


class Inline(Struct, frozen=True, array_like=True, tag=4):
    """Small annex content that goes with the next `Move`."""

    items: Annotated[tuple[Item, ...], Meta(min_length=1, max_length=MAX_INLINE)]


class Pack(Struct, frozen=True, array_like=True, tag=5):
    """A piece of one git pack, thin perhaps, that a later `Move` needs; `last` ends it."""

    data: bytes
    last: bool = False


class Move(Struct, frozen=True, array_like=True, tag=6):
    """Take these refs there, all or none. Answered by `Moved` or `NeedPack` with the same `id`."""

    id: Number
    updates: Annotated[tuple[RefMove, ...], Meta(min_length=1, max_length=MAX_UPDATES)]


Outcome = Literal["durable", "stale", "refused", "failed"]
"""durable: on the disk. stale: a ref was not at `old`, merge and try again. refused: never so.
failed: not now (no space, say); try again later."""


class Moved(Struct, frozen=True, array_like=True, tag=7):
    """What became of a `Move`; `reason` is a sentence, empty when it is durable."""

    id: Number
    outcome: Outcome
    reason: Text = ""

    def __post_init__(self) -> None:
        _clean(self, "reason")

    @property
    def ok(self) -> bool:
        return self.outcome == "durable"


class NeedPack(Struct, frozen=True, array_like=True, tag=8):
    """The `Move` named objects that I lack: send a `Pack` and a new `Move`; I have all behind `have`."""

    id: Number
    have: Annotated[tuple[OidBytes, ...], Meta(max_length=MAX_HAVE)] = ()


class Want(Struct, frozen=True, array_like=True, tag=9):
    """Send me `key`'s content from `offset` on, at most `limit_bytes` of it.

    Answered by `Content`s or `NoContent` with the same `id`, which is fresh for every `Want` of a connection.
    """

    id: Number
    key: KeyBytes
    offset: Number = 0
    limit_bytes: Annotated[int, Meta(ge=1, le=2**63 - 1)] = 2**63 - 1
    by_path: bool = False
    """`At` will do: I can open your files."""
    path: Annotated[bytes, Meta(max_length=MAX_PATH_BYTES)] = b""
    """What it is called here, for people to see."""

    @property
    def called(self) -> str:
        """What to show to people: one line, printable."""
        return printable(shown(self.path or self.key))


class Content(Struct, frozen=True, array_like=True, tag=10):
    """Bytes of the wanted key at `offset`; `total` is the whole size; `last` ends the answer."""

    id: Number
    offset: Number
    total: Number
    data: bytes
    last: bool = False


class NoContent(Struct, frozen=True, array_like=True, tag=11):
    """The `Want` cannot be met, or no further."""

    id: Number
    reason: Text = ""

    def __post_init__(self) -> None:
        _clean(self, "reason")


class Cancel(Struct, frozen=True, array_like=True, tag=12):
    """The `Want` is withdrawn; what is on its way already is ignored."""

    id: Number


class Have(Struct, frozen=True, array_like=True, tag=13):
    """A hint: this content is here now, durable."""

    keys: Annotated[tuple[KeyBytes, ...], Meta(min_length=1, max_length=MAX_KEYS)]


class Ping(Struct, frozen=True, array_like=True, tag=14):
    """I am alive; answer with a `Pong` of the same number."""

    n: Number


class Pong(Struct, frozen=True, array_like=True, tag=15):
    """The answer to `Ping`."""

    n: Number


class Bye(Struct, frozen=True, array_like=True, tag=16):
    """The last frame: I close the connection, and why."""

    reason: Text = ""

    def __post_init__(self) -> None:
        _clean(self, "reason")


class At(Struct, frozen=True, array_like=True, tag=17):
    """The answer to a `Want` with `by_path`: the content is in this file, to be read. Since version 2."""

    id: Number
    path: Annotated[bytes, Meta(min_length=1, max_length=MAX_PATH_BYTES)]


Frame = (
    Hello | Heads | Objects | Inline | Pack | Move | Moved | NeedPack
    | Want | Content | NoContent | Cancel | Have | Ping | Pong | Bye | At
)  # fmt: skip


def lane_of(frame: Frame) -> Lane:
    """The lane that a frame travels in."""
    match frame:
        case Content():
            return Lane.CONTENT
        case Objects() | Inline() | Pack() | Move():
            return Lane.HISTORY
        case _:
            return Lane.CONTROL


def oids_of(frame: Frame) -> Iterator[Oid]:
    """Every object id that a frame names, for checking their length against the link's object format."""
    match frame:
        case Heads():
            yield from (oid for oid in (frame.head, frame.annex) if oid is not None)
        case Move():
            for update in frame.updates:
                yield update.new
                if update.old is not None:
                    yield update.old
        case NeedPack():
            yield from frame.have
        case _:
            pass


class ObjectTooLarge(ValueError):
    """An object does not fit into a frame: send a pack."""


FRAME_TARGET_BYTES = 1 << 20
MAX_OBJECT_BYTES = 4 << 20


def split_objects(objects: Iterable[Object], target_bytes: int = FRAME_TARGET_BYTES) -> list[Objects]:
    """Frames of about `target_bytes` each, in the same order. Raises ObjectTooLarge before any is made."""
    frames: list[Objects] = []
    batch: list[Object] = []
    size = 0
    for item in objects:
        if len(item.data) > MAX_OBJECT_BYTES:
            raise ObjectTooLarge(f"an object of {len(item.data)} bytes")
        if batch and (size + len(item.data) > target_bytes or len(batch) == MAX_OBJECTS):
            frames.append(Objects(tuple(batch)))
            batch, size = [], 0
        batch.append(item)
        size += len(item.data)
    if batch:
        frames.append(Objects(tuple(batch)))
    return frames


def split_inline(items: Iterable[Item], target_bytes: int = FRAME_TARGET_BYTES) -> list[Inline]:
    """As `split_objects`, for annex content. Raises ObjectTooLarge."""
    frames: list[Inline] = []
    batch: list[Item] = []
    size = 0
    for item in items:
        if len(item.data) > MAX_OBJECT_BYTES:
            raise ObjectTooLarge(f"content of {len(item.data)} bytes")
        if batch and (size + len(item.data) > target_bytes or len(batch) == MAX_INLINE):
            frames.append(Inline(tuple(batch)))
            batch, size = [], 0
        batch.append(item)
        size += len(item.data)
    if batch:
        frames.append(Inline(tuple(batch)))
    return frames


def _clean(frame: Struct, field: str) -> None:
    """Text for a person: one line, printable, bounded; whoever wrote it, here or there."""
    text: str = getattr(frame, field)
    if len(text) > MAX_TEXT or not text.isprintable():
        force_setattr(frame, field, printable(text)[:MAX_TEXT])


def printable(text: str) -> str:
    """What somebody else wrote, for a person to see."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)
