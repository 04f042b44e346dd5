"""The third step: new commits go to a peer, together with everything that they need.

One pusher per link, so that no peer waits for another. It sends the newest head only; what the peer has is
known from its own frames, so the objects between are sent raw while they are few, as a git pack when they
are many.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress

from instep.core.tree import diff
from instep.core.types import Entry, Oid
from instep.git.objects import MissingObject
from instep.git.outgoing import commits_since, new_objects
from instep.remotes.frames import Inline, Item, Objects, ObjectTooLarge, split_inline, split_objects
from instep.steps.state import FolderState

MAX_INLINE_BYTES = 1 << 20
"""Annex content that goes with one move; the rest is asked for by the receiver."""


def small_contents(state: FolderState, commits: Iterable[Oid]) -> list[Item]:
    """Annex content of files that these commits added, as far as it is small and here."""
    store, items, left = state.repo.objects, list[Item](), MAX_INLINE_BYTES
    for oid in commits:
        commit = store.commit(oid)
        base = store.commit(commit.parents[0]).tree if commit.parents else None
        for change in diff(base, commit.tree, store.tree):
            item = _content(state, change.new, left) if change.new is not None else None
            if item is not None:
                items.append(item)
                left -= len(item.data)
    return items


def _content(state: FolderState, entry: Entry, limit_bytes: int) -> Item | None:
    key = state.key_of(entry)
    if key is None:
        return None
    with suppress(OSError), state.store.open(key) as file:
        data = file.read(limit_bytes + 1)
        return Item(key, data) if len(data) <= limit_bytes else None
    return None


def raw_frames(
    state: FolderState, tip: Oid, have: Collection[Oid], *, contents: bool
) -> list[Objects | Inline] | None:
    """The frames that must go before the move to `tip`; None if a pack is called for. Blocking."""
    store = state.repo.objects
    with suppress(MissingObject, ObjectTooLarge):
        commits = commits_since(store, tip, have)
        objects = new_objects(store, commits) if commits is not None else None
        if commits is None or objects is None:
            return None
        frames: list[Objects | Inline] = list(split_objects(objects))
        if contents:
            frames += split_inline(small_contents(state, commits))
        return frames
    return None
