"""Two versions of one file: which stays, and which stands beside it.

The heart of a merge, for one path and without knowing the rest of the tree. Symmetric: `settle(b, x, y)` and
`settle(b, y, x)` say the same (I14). What is set aside becomes a variant; nothing is dropped (I1).
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from instep.core.types import MODE_EXEC, MODE_FILE, MODE_GITLINK, MODE_LINK, Entry, Key, Oid

KeyOf = Callable[[Entry], Key | None]
"""The annex key of an entry (a pointer file or an annexed symlink), else None."""

MergeText = Callable[[Oid | None, Oid, Oid], Oid | None]
"""Merges two blobs by line against a base; None if that leaves a conflict. The two come in order of id."""

Kind = Literal["both-edited", "both-added", "edited-deleted", "annexed-plain", "file-directory", "gitlink"]


Body = tuple[int, Oid]
"""What a file is, whether executable or not: its type and its blob."""


def body(entry: Entry) -> Body:
    return entry.mode & 0o170000, entry.oid


class Settled(NamedTuple):
    """What keeps the path (None: nothing), and what is set aside, in order; `kind` None: no conflict."""

    entry: Entry | None
    aside: tuple[Entry, ...] = ()
    kind: Kind | None = None


def is_regular(entry: Entry | None) -> bool:
    return entry is not None and entry.mode in (MODE_FILE, MODE_EXEC)


def settle(base: Entry | None, one: Entry, two: Entry, key_of: KeyOf, merge_text: MergeText) -> Settled:
    """Two versions of one path, both there; `base` None if they have no common ancestor."""
    one, two = sorted((one, two))
    if (known := _by_content(base, one, two)) is not None:
        return Settled(known)
    if MODE_GITLINK in (one.mode, two.mode):
        return _gitlinks(one, two)
    keys = (key_of(one), key_of(two))
    match keys:
        case (None, None):
            return _plain(base, one, two, key_of, merge_text)
        case (None, _):
            return Settled(one, (two,), "annexed-plain")
        case (_, None):
            return Settled(two, (one,), "annexed-plain")
        case _:
            return _annexed(base and key_of(base), base, (one, two), keys)


def _mode(base: Entry | None, one: Entry, two: Entry) -> int:
    """The mode of two regular files' merge: the side that changed it, else executable if either is."""
    if one.mode == two.mode:
        return one.mode
    if base is not None and is_regular(base):
        return two.mode if base.mode == one.mode else one.mode
    return MODE_EXEC


def _with_mode(base: Entry | None, one: Entry, two: Entry, oid: Oid) -> Entry:
    return Entry(_mode(base, one, two), oid)


def _by_content(base: Entry | None, one: Entry, two: Entry) -> Entry | None:
    """The merge where a side changed nothing or only the mode, or both hold the same bytes."""
    for mine, other in ((one, two), (two, one)):
        if mine in (base, other):
            return other
    both = is_regular(one) and is_regular(two)
    if both and one.oid == two.oid:
        return _with_mode(base, one, two, one.oid)
    if base is None or not is_regular(base):
        return None
    for mine, other in ((one, two), (two, one)):
        if is_regular(mine) and mine.oid == base.oid:
            return _with_mode(base, one, two, other.oid) if both else other
    return None


def _annexed(
    base_key: Key | None, base: Entry | None, sides: tuple[Entry, Entry], keys: tuple[Key | None, Key | None]
) -> Settled:
    """Both are annexed: the side with the new key wins over one that was only locked or unlocked."""
    one, two = sides
    both = is_regular(one) and is_regular(two)
    if keys[0] == keys[1]:
        pointers = [entry for entry in sides if entry.mode != MODE_LINK]
        chosen = min(pointers or sides, key=lambda entry: entry.oid)
        return Settled(_with_mode(base, one, two, chosen.oid) if both else chosen)
    for key, other in zip(keys, (two, one), strict=True):
        if base_key is not None and key == base_key:
            return Settled(_with_mode(base, one, two, other.oid) if both else other)
    return _beside(base, one, two)


def _plain(base: Entry | None, one: Entry, two: Entry, key_of: KeyOf, merge_text: MergeText) -> Settled:
    """Neither is annexed: merged by line if there is a base to merge against."""
    if base is not None and all(map(is_regular, (base, one, two))) and key_of(base) is None:
        merged = merge_text(base.oid, *sorted((one.oid, two.oid)))
        if merged is not None:
            return Settled(_with_mode(base, one, two, merged))
    return _beside(base, one, two)


def _beside(base: Entry | None, one: Entry, two: Entry) -> Settled:
    return Settled(None, (one, two), "both-added" if base is None else "both-edited")


def _gitlinks(one: Entry, two: Entry) -> Settled:
    """A repository of somebody else's keeps its place; of two commits of it, the one with the greater id."""
    if one.mode == two.mode:
        return Settled(two, (), "gitlink")
    link, other = (one, two) if one.mode == MODE_GITLINK else (two, one)
    return Settled(link, (other,), "gitlink")
