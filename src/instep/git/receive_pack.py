"""Pushing without a git of our own: to a `git receive-pack` that waits already (gitprotocol-pack).

For few and small new objects, as one change has them. Whatever is not as simple is for `git push`.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import IO

from instep.core.types import Object, ObjectFormat, Oid
from instep.git.objects import MissingObject, ObjectStore
from instep.git.outgoing import commits_since, new_objects
from instep.git.pack_writer import make_pack
from instep.git.pkt_line import FLUSH, BadPacket, packet, packets
from instep.git.travel import Pushed, judge

_OID = re.compile(rb"[0-9a-f]{40}|[0-9a-f]{64}")
_NEEDED = frozenset({"report-status"})


@dataclass(frozen=True, slots=True)
class Advertised:
    """What it said when it began: where the refs are, and what it can do."""

    refs: dict[str, Oid]
    can: frozenset[str]

    def suits(self, fmt: ObjectFormat) -> bool:
        """Whether we can push to it."""
        hashes = next((word for word in self.can if word.startswith("object-format=")), "object-format=sha1")
        return self.can >= _NEEDED and hashes == f"object-format={fmt.name}"


@dataclass(frozen=True, slots=True)
class Parcel:
    """Moves of refs (`old` None: to be made), and the objects that they need."""

    moves: dict[str, tuple[Oid | None, Oid]]
    objects: dict[Oid, Object]


def advertised(stream: IO[bytes]) -> Advertised:
    """Read what it says first. Raises BadPacket, OSError."""
    refs: dict[str, Oid] = {}
    can = frozenset[str]()
    for line in packets(stream):
        text, is_first, words = line.partition(b"\0")
        if is_first:
            can = frozenset(words.decode(errors="replace").split())
        oid, _, name = text.partition(b" ")
        if name.startswith(b"refs/"):
            if _OID.fullmatch(oid) is None:
                raise BadPacket(line)
            refs[os.fsdecode(name)] = Oid(bytes.fromhex(oid.decode()))
    return Advertised(refs, can)


def parcel(store: ObjectStore, moves: Mapping[str, Oid], there: Mapping[str, Oid]) -> Parcel | None:
    """What to send; None if that is not simple: a move that is not seen to go forward, a first push, much."""
    have = set(there.values())
    found: dict[str, tuple[Oid | None, Oid]] = {}
    objects: dict[Oid, Object] = {}
    try:
        for ref, tip in moves.items():
            old = there.get(ref)
            if old == tip:
                continue
            new = commits_since(store, tip, have)
            if new is None or not _goes_forward(store, old, tip, new):
                return None
            items = new_objects(store, new)
            if items is None or any(not store.commit(oid).parents for oid in new):
                return None
            objects |= {store.format.hash(*item): item for item in items}
            found[ref] = (old, tip)
    except MissingObject:
        return None
    return Parcel(found, objects)


def _goes_forward(store: ObjectStore, old: Oid | None, tip: Oid, new: Iterable[Oid]) -> bool:
    if old is None or any(old in store.commit(oid).parents for oid in new):
        return True
    between = commits_since(store, tip, {old})
    return between is not None and any(old in store.commit(oid).parents for oid in between)


def send(stream: IO[bytes], what: Parcel, fmt: ObjectFormat) -> None:
    """Say what is to be moved, and hand the objects over. Raises OSError."""
    none = bytes(fmt.oid_bytes)
    lines = [
        b"%b %b %b" % ((old or none).hex().encode(), new.hex().encode(), os.fsencode(ref))
        for ref, (old, new) in what.moves.items()
    ]
    lines[0] += f"\0 report-status object-format={fmt.name} agent=instep".encode()
    pack = make_pack(list(what.objects.items()), fmt).data
    stream.write(b"".join(map(packet, lines)) + FLUSH + pack)
    stream.flush()


def report(stream: IO[bytes], moves: Iterable[str]) -> dict[str, Pushed]:
    """What became of each. Raises BadPacket when it does not say so of all, and OSError."""
    lines = list(packets(stream))
    if lines[:1] != [b"unpack ok"]:
        raise BadPacket(lines)
    found: dict[str, Pushed] = {}
    for line in lines[1:]:
        word, _, rest = line.partition(b" ")
        name, _, why = rest.partition(b" ")
        found[os.fsdecode(name)] = judge(b" " if word == b"ok" else b"!", why)
    if not found.keys() >= set(moves):
        raise BadPacket(b"a ref is missing")
    return found
