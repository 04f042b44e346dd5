"""What a commit needs that another repository does not have: the objects between what is there and a tip."""

from collections import deque
from collections.abc import Collection, Iterable

from instep.core.tree import diff
from instep.core.types import MODE_GITLINK, Object, Oid, Tree
from instep.git.objects import ObjectStore

MAX_COMMITS = 64
"""Commits between what is there and the new head that are sent object by object."""
MAX_RAW_BYTES = 48 << 20


def commits_since(store: ObjectStore, tip: Oid, have: Collection[Oid]) -> list[Oid] | None:
    """The commits from what is there (not included) to `tip`, oldest first; None if they are too many."""
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
