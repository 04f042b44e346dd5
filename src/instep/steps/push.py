"""The third step: new commits go to a peer, together with everything that they need.

One pusher per link, so that no peer waits for another. It sends the newest head only; what the peer has is
known from its own frames, so the objects between are sent raw while they are few, as a git pack when they
are many.
"""

from collections import deque
from collections.abc import Collection, Iterable
from contextlib import suppress

from instep.core.tree import diff
from instep.core.types import MODE_GITLINK, Entry, Object, Oid, Tree
from instep.git.objects import MissingObject, ObjectStore
from instep.remotes.frames import Inline, Item, Objects, ObjectTooLarge, split_inline, split_objects
from instep.steps.state import FolderState

MAX_COMMITS = 64
"""Commits between what the peer has and the new head that are sent object by object."""
MAX_RAW_BYTES = 48 << 20
MAX_INLINE_BYTES = 1 << 20
"""Annex content that goes with one move; the rest is asked for by the receiver."""


def commits_since(store: ObjectStore, tip: Oid, have: Collection[Oid]) -> list[Oid] | None:
    """The commits from what the peer has (not included) to `tip`, oldest first; None if they are too many."""
    found: dict[Oid, None] = {}
    ahead = deque([tip])
    while ahead:
        oid = ahead.popleft()
        if oid in have:
            continue
        found.pop(oid, None)
        found[oid] = None
        if len(found) > MAX_COMMITS:
            return None
        ahead.extend(store.commit(oid).parents)
    return list(reversed(found))


def new_objects(store: ObjectStore, commits: Iterable[Oid]) -> list[Object] | None:
    """The objects that these commits added to their first parents, what is named before what names it.

    None if they are too large to be sent one by one. Raises MissingObject.
    """
    found: dict[Oid, Object] = {}
    size = 0
    for oid in commits:
        commit = store.commit(oid)
        base = store.commit(commit.parents[0]).tree if commit.parents else None
        changes = list(diff(base, commit.tree, store.tree))
        had = {change.old.oid for change in changes if change.old is not None}
        new = [c.new.oid for c in changes if c.new and c.new.oid not in had and c.new.mode != MODE_GITLINK]
        for name in (*new, *_new_trees(store, base, commit.tree), oid):
            if name not in found:
                found[name] = store.read(name)
                size += len(found[name].data)
        if size > MAX_RAW_BYTES:
            return None
    return list(found.values())


def _new_trees(store: ObjectStore, old: Oid | None, new: Oid) -> list[Oid]:
    """Tree objects of `new` that are not at the same place in `old`, children first."""
    found: list[Oid] = []
    stack: list[tuple[Oid | None, Oid]] = [(old, new)]
    while stack:
        before, after = stack.pop()
        if before == after:
            continue
        found.append(after)
        known: Tree = store.tree(before) if before is not None else {}
        for name, entry in store.tree(after).items():
            if entry.is_tree:
                there = known.get(name)
                stack.append((there.oid if there is not None and there.is_tree else None, entry.oid))
    return list(reversed(found))


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
