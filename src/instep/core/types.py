"""The nouns that every room shares.

Names of files are bytes and are never decoded on the way through (`RelPath`). Object ids are raw bytes
(20 for SHA-1, 32 for SHA-256) and become hex only at the edges: in git's own input and output, in JSON,
on the screen.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, NewType, Protocol

RelPath = NewType("RelPath", bytes)
"""A path below the folder's root: `/` between names, none at either end; `b""` is the root itself."""

Oid = NewType("Oid", bytes)
"""A git object id, raw."""

Key = NewType("Key", bytes)
"""A git-annex key's text, unescaped, as in `SHA256E-s2--8f43….txt`."""

RemoteUuid = NewType("RemoteUuid", str)
"""A repository's `annex.uuid`."""

MODE_FILE = 0o100644
MODE_EXEC = 0o100755
MODE_LINK = 0o120000
MODE_TREE = 0o040000
MODE_GITLINK = 0o160000


class Entry(NamedTuple):
    """What a git tree says of one name."""

    mode: int
    oid: Oid

    @property
    def is_tree(self) -> bool:
        return self.mode == MODE_TREE


class Object(NamedTuple):
    """A git object: its kind (`b"blob"`, `b"tree"`, `b"commit"`, `b"tag"`) and its content, unframed."""

    kind: bytes
    data: bytes


class Change(NamedTuple):
    """One path that differs between two trees; `None` is absence. Never a directory."""

    path: RelPath
    old: Entry | None
    new: Entry | None


Tree = Mapping[bytes, Entry]
"""One directory of a git tree: name to entry."""

TreeReader = Callable[[Oid], Tree]
"""Reads one tree object."""

Objects = Mapping[Oid, Object]
"""New objects, by id."""


class Hash(Protocol):
    """A hashlib object."""

    def update(self, data: bytes | memoryview, /) -> None: ...
    def digest(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class ObjectFormat:
    """A repository's hash: `sha1` or `sha256` (`git rev-parse --show-object-format`)."""

    name: str

    @property
    def oid_bytes(self) -> int:
        return 20 if self.name == "sha1" else 32

    def hash(self, kind: bytes, data: bytes) -> Oid:
        """The id of an object with this content."""
        digest = self.start(kind, len(data))
        digest.update(data)
        return Oid(digest.digest())

    def start(self, kind: bytes, size_bytes: int) -> Hash:
        """A hash that wants the object's content piece by piece."""
        return hashlib.new(self.name, b"%s %d\0" % (kind, size_bytes), usedforsecurity=False)

    @property
    def empty_tree(self) -> Oid:
        return self.hash(b"tree", b"")


SHA1 = ObjectFormat("sha1")
SHA256 = ObjectFormat("sha256")
