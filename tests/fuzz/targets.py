"""What reads bytes that another repository wrote, each as a function of bytes that must come to its end.

A target raises nothing, whatever it is given: the errors that its reader may raise it takes, and what must
hold of what was read it asserts. `SEEDS` has some inputs for each to begin with.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from io import BytesIO
from itertools import pairwise

import msgspec

from instep.core import branchlog
from instep.core.commit import Commit, MalformedCommit
from instep.core.expressions import MalformedExpression
from instep.core.keys import hash_of, object_path, size_of
from instep.core.names import folded, is_safe_name
from instep.core.pointers import key_of_link, key_of_pointer, link_target, pointer
from instep.core.preferred import Content, Repositories, Wants
from instep.core.tree import MalformedTree, encode_tree, parse_tree
from instep.core.types import SHA1, Key, Oid, RelPath, RemoteUuid
from instep.daemon.requests import decode_request
from instep.git.cache_tree import invalidate
from instep.git.errors import UnsupportedIndex
from instep.git.index_entry import IndexEntry
from instep.git.index_format import RawIndex
from instep.git.pkt_line import BadPacket, framed
from instep.git.receive_pack import advertised, report
from instep.remotes.errors import LinkError, ProtocolError
from instep.remotes.frames import Frame, Hello, lane_of, oids_of
from instep.remotes.hello import negotiate
from instep.remotes.reception import (
    GREETING,
    Opening,
    branch_of,
    decode_line,
    encode_line,
    text_of,
    uuid_of,
)
from instep.remotes.trust import may_move
from instep.remotes.wire import MAX_HELLO, Decoder, encode
from tests.remotes.samples import SAMPLES

PIECE_BYTES = 100
OURS = Hello(2, 1, "instep", "11111111-aaaa", "sha1", "here", ("files-1",))


def _pieces(data: bytes) -> list[bytes]:
    return [data[a:b] for a, b in pairwise([*range(0, len(data), PIECE_BYTES), len(data)])]


def _frames(decoder: Decoder, data: bytes) -> list[Frame]:
    found: list[Frame] = []
    with suppress(ProtocolError):
        for piece in _pieces(data):
            decoder.feed(piece)
            while (frame := decoder.next_frame()) is not None:
                found.append(frame)
        decoder.finish()
    return found


def wire(data: bytes) -> None:
    """A stream of bytes in place of frames, and the same bytes as the payload of one frame."""
    for stream in (data, len(data).to_bytes(4, "big") + data):
        for frame in _frames(Decoder(), stream):
            assert _frames(Decoder(), encode(frame)) == [frame]
            lane_of(frame)
            assert all(20 <= len(oid) <= 32 for oid in oids_of(frame))


def hello(data: bytes) -> None:
    """The first frame, and what is agreed upon."""
    for frame in _frames(Decoder(MAX_HELLO), len(data).to_bytes(4, "big") + data):
        if isinstance(frame, Hello):
            with suppress(LinkError):
                agreed = negotiate(OURS, frame)
                assert agreed == negotiate(frame, OURS)
                assert frame.software.isprintable()


def opening(data: bytes) -> None:
    """What a far shell says, and what far commands are answered."""
    for stream in (data, GREETING + data):
        spoken = Opening()
        with suppress(LinkError):
            for piece in _pieces(stream):
                spoken.feed(piece)
                spoken.answer()
    with suppress(ProtocolError):
        message = decode_line(data)
        decode_line(encode_line(message))
        for name in message:
            with suppress(ProtocolError):
                text_of(message, name).encode("utf-8", "surrogateescape")
        with suppress(ProtocolError):
            assert not branch_of(message).startswith("-")
        with suppress(ProtocolError):
            assert not (uuid_of(message) or "").startswith("-")


def request(data: bytes) -> None:
    """What is asked on the local socket."""
    with suppress(msgspec.DecodeError):
        decode_request(data)


def tree(data: bytes) -> None:
    """A tree that came, and the names in it. # I23"""
    with suppress(MalformedTree):
        entries = parse_tree(data, 20)
        assert parse_tree(encode_tree(entries), 20) == entries
        for name in entries:
            plain = folded(RelPath(name)).rstrip(b". ")
            assert not (is_safe_name(name) and plain in (b".git", b"git~1"))


def commit(data: bytes) -> None:
    with suppress(MalformedCommit):
        assert Commit.parse(data, 20).encode() == data


def logs(data: bytes) -> None:
    """The files of a git-annex branch, in two versions."""
    one, _, other = data.partition(b"\xff")
    united = branchlog.union(one, other)
    assert united == branchlog.union(other, one)
    assert branchlog.union(united, one) == united
    compacted = branchlog.compact(united)
    assert branchlog.locations(compacted) == branchlog.locations(united)
    assert branchlog.compact(compacted) == compacted
    who = RemoteUuid("11111111-aaaa")
    for present in (True, False):
        new = branchlog.set_location(united, who, present, 5)
        assert branchlog.locations(united if new is None else new)[who] is present
    branchlog.config_values(united)
    branchlog.uuid_values(united)
    branchlog.newest_value(united)


def index(data: bytes) -> None:
    """git's index, as anybody may have left it."""
    with suppress(UnsupportedIndex):
        read = RawIndex(data, 20)
        read.find(b"a/b")
        list(read.changed_since(0))
    invalidate(data, {RelPath(b"a/b")}, 20)


def key(data: bytes) -> None:
    """Pointer files, and the targets of links."""
    for found in (key_of_pointer(data), key_of_link(data)):
        if found is not None:
            if not found.endswith(b"\r"):  # which git-annex does not read as it writes it either
                assert key_of_pointer(pointer(found)) == found
            assert key_of_link(link_target(found, RelPath(b"a/b"))) == found
            for bare in (True, False):
                assert not {b"..", b".", b""} & set(object_path(found, bare=bare).split(b"/"))
            size_of(found)
            hash_of(found)


def wanted(data: bytes) -> None:
    """An expression of the git-annex branch."""
    with suppress(MalformedExpression):
        test = Wants(data.decode("utf-8", "surrogateescape"), RemoteUuid("here"), Repositories())
        for path in (b"a/b.txt", b"a" * 40, b"\xff\n"):
            test.wants(Content(Key(b"SHA256E-s1000--8f43.iso"), RelPath(path)))


def ref(data: bytes) -> None:
    """The name of a ref in a Move."""
    name = data.decode("utf-8", "replace")
    if may_move(name, "main"):
        assert name.startswith("refs/heads/")
        assert ".." not in name
        assert name.isprintable() or not name.isascii()


def receive_pack(data: bytes) -> None:
    """What a git over there says before a push, and after it: as it comes, and as lines."""
    for stream in (data, framed(data.split(b"\n"))):
        with suppress(BadPacket):
            said = advertised(BytesIO(stream))
            assert all(name.startswith("refs/") for name in said.refs)
            assert {len(oid) for oid in said.refs.values()} <= {20, 32}
            said.suits(SHA1)
        with suppress(BadPacket):
            assert "refs/heads/main" in report(BytesIO(stream), ["refs/heads/main"])


Target = Callable[[bytes], None]
TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (wire, hello, opening, request, tree, commit, logs, index, key, wanted, ref, receive_pack)
}

_PAYLOADS = [encode(frame)[4:] for frame in SAMPLES]
_OID = Oid(b"\x01" * 20)
_ENTRY = IndexEntry(RelPath(b"a/b"), 0o100644, _OID, 1, 2, 3, 4, 5, 6, 7, 0)
SEEDS: dict[str, Sequence[bytes]] = {
    "wire": [*_PAYLOADS, b"".join(map(encode, SAMPLES))[:4000]],
    "hello": [encode(OURS)[4:], *_PAYLOADS[:1]],
    "opening": [
        b'{"ok": {}}\nthe link',
        b'{"busy": true}\n{"error": {"text": "No.", "fix": "Go.", "kind": "stopped"}}\n',
        b'{"branch": "main", "uuid": "11111111-aaaa"}',
        b'noise\n\ninstep-link 1\r\n{"ok": {"uuid": "\\udcff"}}\n',
    ],
    "request": [b'{"method": "status"}', b'{"method": "wait", "timeout": 1.5, "remote": null}'],
    "tree": [b"100644 a\0" + _OID + b"40000 b\0" + _OID, b"100755 .git\0" + _OID, b"120000 .GiT. \0" + _OID],
    "commit": [
        b"tree %b\nparent %b\nauthor A <a@b> 1700000000 +0100\n" % ((_OID.hex().encode(),) * 2)
        + b"committer A <a@b> 1 -0000\ngpgsig x\n y\n\nText\n"
    ],
    "logs": [
        b"1700000000s 1 11111111-aaaa\n1.5s 0 b\r\n\xff1s X c\n",
        b"1s annex.largefiles largerthan=64kb\n11111111-aaaa name timestamp=1700000000s\n",
    ],
    "index": [
        b"DIRC\0\0\0\2\0\0\0\1" + _ENTRY.encode() + b"TREE\0\0\0\x19\0001 0\n" + _OID + bytes(20),
        b"DIRC\0\0\0\4\0\0\0\1" + _ENTRY.encode()[:62] + b"\0a/b\0" + bytes(20),
        b"\0001 1\n" + _OID + b"a\0001 0\n" + _OID,
    ],
    "key": [
        b"/annex/objects/SHA256E-s2--%064x.txt\n" % 1,
        b"../.git/annex/objects/aa/bb/SHA256-s2-S1-C1--%064x/MD5-m3--%032x" % (1, 2),
        b"/annex/objects/URL--http&c%%example.org%x\n/annex/more\n",
    ],
    "wanted": [
        b"include=*.txt or (exclude=[!a-z]?b* and not copies=semitrusted:2) and largerthan=1.5mb",
        b"standard or (present and lackingcopies=1) or inallgroup=backup or balanced=x:1",
    ],
    "receive_pack": [
        b"%b refs/heads/main\0report-status object-format=sha1 agent=git/2\n" % _OID.hex().encode(),
        b"unpack ok\nok refs/heads/main\nng refs/heads/other fetch first",
    ],
    "ref": [b"refs/heads/synced/main", b"refs/heads/git-annex", b"refs/heads/main"],
}
