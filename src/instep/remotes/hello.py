"""The first exchange: whether two sides can talk, and how. Pure.

Both sides compare the same two frames by the same rules, so both come to the same end.
"""

from dataclasses import dataclass

from instep.remotes.errors import Incompatible, OtherFormat, SamePeer
from instep.remotes.frames import Hello


@dataclass(frozen=True, slots=True)
class Agreement:
    """What holds on a link: the protocol version, and the features that both sides have."""

    protocol: int
    features: frozenset[str]


def negotiate(ours: Hello, theirs: Hello) -> Agreement:
    """What the two sides agree on. Raises Incompatible, SamePeer, OtherFormat."""
    protocol = min(ours.protocol, theirs.protocol)
    if protocol < max(ours.oldest, theirs.oldest):
        raise Incompatible(
            f"{_who(theirs)} speaks link protocol {_span(theirs)}, {_who(ours)} here speaks {_span(ours)}."
        )
    if ours.uuid == theirs.uuid:
        raise SamePeer(f"Both ends of the link are the same repository ({ours.uuid}).")
    if ours.object_format != theirs.object_format:
        formats = f"{theirs.object_format} there, {ours.object_format} here"
        raise OtherFormat(f"The two repositories name their objects by different hashes: {formats}.")
    return Agreement(protocol, frozenset(ours.features) & frozenset(theirs.features))


def is_kept(uuid: str, peer_uuid: str, *, dialled: bool) -> bool:
    """Which of two links between the same two repositories stays: the one that the lower uuid dialled."""
    return dialled == (uuid < peer_uuid)


def _who(hello: Hello) -> str:
    return hello.software or "an unnamed program"


def _span(hello: Hello) -> str:
    if hello.oldest == hello.protocol:
        return f"version {hello.protocol}"
    return f"versions {hello.oldest} to {hello.protocol}"
