"""Frames to test with: one of each kind, and strategies that make any that is within its limits."""

from typing import Any, NamedTuple, cast

from hypothesis import strategies as st
from msgspec import inspect

from instep.core.types import Key, Object, Oid
from instep.remotes.frames import (
    OBJECT_KINDS,
    At,
    Bye,
    Cancel,
    Content,
    Frame,
    Have,
    Heads,
    Hello,
    Inline,
    Item,
    Move,
    Moved,
    NeedPack,
    NoContent,
    Objects,
    Pack,
    Ping,
    Pong,
    RefMove,
    Want,
)  # fmt: skip
from tests.remotes.document import frame_types

OID = Oid(bytes(range(20)))
KEY = Key(b"SHA256E-s3--" + b"0" * 64 + b".txt")
MOVE = Move(1, (RefMove("refs/heads/synced/main", None, OID),))
BULK = b"x" * (1 << 20)


def hello(uuid: str = "11111111-aaaa", **changes: Any) -> Hello:
    """What a side with this uuid says first."""
    fields: dict[str, Any] = {
        "protocol": 1,
        "oldest": 1,
        "software": "instep 0.1",
        "uuid": uuid,
        "object_format": "sha1",
    }
    return Hello(**(fields | changes))


SAMPLES: tuple[Frame, ...] = (
    hello(name="laptop", features=("a", "b")),
    Heads("main", OID, None, settled=True, missing=3, missing_bytes=4096, conditions=1),
    Objects((Object(b"blob", b"hi\n"), Object(b"tree", b""), Object(b"commit", b"tree ..."))),
    Inline((Item(KEY, b"abc"),)),
    Pack(b"PACK", last=True),
    Move(1, (RefMove("refs/heads/synced/main", None, OID), RefMove("refs/heads/git-annex", OID, OID))),
    Moved(1, "stale", "The branch moved meanwhile."),
    NeedPack(1, (OID,)),
    Want(7, KEY, 1024),
    Content(7, 1024, 2048, b"x" * 1024, last=True),
    NoContent(7, "It is not here."),
    Cancel(7),
    Have((KEY,)),
    Ping(5),
    Pong(5),
    Bye("Good night."),
    At(7, b"/a/.git/annex/objects/x"),
)


def strategy(kind: inspect.Type) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one line for each kind
    """Values of one field's type, within its limits."""
    match kind:
        case inspect.IntType():
            return st.integers(cast(int, kind.ge), cast(int, kind.le))
        case inspect.BoolType():
            return st.booleans()
        case inspect.StrType():
            if kind.pattern:
                return st.from_regex(kind.pattern).filter(lambda text: len(text) <= (kind.max_length or 0))
            return st.text(min_size=kind.min_length or 0, max_size=min(kind.max_length or 0, 60))
        case inspect.BytesType():
            return st.binary(min_size=kind.min_length or 0, max_size=min(kind.max_length or 300, 300))
        case inspect.VarTupleType():
            items = strategy(kind.item_type)
            return st.lists(items, min_size=kind.min_length or 0, max_size=5).map(tuple)
        case inspect.NamedTupleType():
            return _named_tuples(kind)
        case inspect.UnionType():
            return st.one_of(*map(strategy, kind.types))
        case inspect.NoneType():
            return st.none()
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case _:
            raise AssertionError(f"no strategy for {kind}")


def _named_tuples(kind: inspect.NamedTupleType) -> st.SearchStrategy[NamedTuple]:
    parts = {field.name: strategy(field.type) for field in kind.fields}
    if kind.cls is Object:
        parts["kind"] = st.sampled_from(sorted(OBJECT_KINDS))
    return st.builds(kind.cls, **parts)


def _frames_of(frame: type) -> st.SearchStrategy[Frame]:
    info = inspect.type_info(frame)
    assert isinstance(info, inspect.StructType)
    return st.builds(
        cast("type[Frame]", frame), **{field.name: strategy(field.type) for field in info.fields}
    )


FRAMES: st.SearchStrategy[Frame] = st.one_of(*map(_frames_of, frame_types()))
"""Any frame."""
