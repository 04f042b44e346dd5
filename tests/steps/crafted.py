"""Trees and commits made by hand, as a peer could send them."""

import os

from instep.core.commit import Commit, Signature
from instep.core.tree import encode_tree
from instep.core.types import MODE_FILE, Entry, Object, Oid
from tests.steps.side import Side

WHO = Signature(b"x", b"x@x", 1_700_000_000)


def tree_of(side: Side, **blobs: bytes) -> tuple[dict[bytes, Entry], dict[Oid, Object]]:
    objects = {side.state.repo.format.hash(b"blob", data): Object(b"blob", data) for data in blobs.values()}
    entries = {os.fsencode(name): Entry(MODE_FILE, oid) for name, oid in zip(blobs, objects, strict=True)}
    return entries, objects


def commit_of(
    side: Side, entries: dict[bytes, Entry], objects: dict[Oid, Object], *parents: Oid
) -> tuple[Oid, dict[Oid, Object]]:
    """A commit of this tree as somebody else makes it, and all its objects."""
    form, tree = side.state.repo.format, encode_tree(entries)
    data = Commit(form.hash(b"tree", tree), parents, WHO, WHO, b"theirs\n").encode()
    oid = form.hash(b"commit", data)
    return oid, objects | {form.hash(b"tree", tree): Object(b"tree", tree), oid: Object(b"commit", data)}
