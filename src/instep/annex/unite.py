"""Uniting git-annex branches: what commit holds all that several of them hold.

Every line of every file of the branch carries its own time, so a merge is the union of lines, needs no common
ancestor and can't conflict. The result is a function of the heads alone: whoever unites the same ones makes
the same commit (I14), with the tree that git-annex's own merge would have.
"""

from collections.abc import Iterable, Sequence

from instep.annex.errors import MergeRefused
from instep.core.branchlog import DIFFERENCES, TRANSITIONS, union
from instep.core.commit import Commit, merge_commit
from instep.core.tree import diff, edit, lookup
from instep.core.types import MODE_EXEC, MODE_FILE, Entry, Object, ObjectFormat, Oid, RelPath
from instep.git.history import is_ancestor
from instep.git.repository import Repository
from instep.git.supersede import UNITED, stands_for_both

NewObjects = dict[Oid, Object]

_ONLY_GIT_ANNEX = (TRANSITIONS, DIFFERENCES)
_FILE_MODES = {MODE_FILE, MODE_EXEC}


def unite(
    repo: Repository, heads: Iterable[Oid], *, may_leave_merges: bool = False
) -> tuple[Oid, NewObjects]:
    """The commit that holds all that the heads (at least one) hold: one of them where it can be, else a new
    one; and the objects that have to be written for it. `may_leave_merges`: one that holds all but merges
    that instep made is as good (`git.supersede`).

    Raises MissingObject, and MergeRefused where the history of one branch was rewritten (`git annex forget`),
    or the repositories differ in kind (`annex.tune`).
    """
    tips = _independent(repo, heads)
    if may_leave_merges:
        tips = _standing(repo, tips)
    objects: NewObjects = {}
    if len(tips) == 1:
        return tips[0], objects
    commits = [(tip, repo.objects.commit(tip)) for tip in tips]
    _check_mergeable(repo, [commit.tree for _, commit in commits])
    tree = commits[0][1].tree
    for _, commit in commits[1:]:
        tree = _united_tree(repo, tree, commit.tree, objects)
    merged = add_commit(merge_commit(tree, commits, UNITED), objects, repo.format)
    repo.objects.remember(objects)
    return merged, objects


def _independent(repo: Repository, heads: Iterable[Oid]) -> list[Oid]:
    """The heads that no other one holds, in canonical order."""
    kept: list[Oid] = []
    for head in sorted(set(heads)):
        if not any(is_ancestor(repo, head, other) for other in kept):
            kept = [other for other in kept if not is_ancestor(repo, other, head)]
            kept.append(head)
    return kept


def _standing(repo: Repository, tips: Sequence[Oid]) -> list[Oid]:
    """Those of the tips that no other one stands for. # I13"""
    kept: list[Oid] = []
    for tip in tips:
        stands = [stands_for_both(repo, tip, other) for other in kept]
        if not any(stand == other for stand, other in zip(stands, kept, strict=True)):
            kept = [other for stand, other in zip(stands, kept, strict=True) if stand != tip]
            kept.append(tip)
    return sorted(kept)


def _check_mergeable(repo: Repository, trees: Sequence[Oid]) -> None:
    for name in _ONLY_GIT_ANNEX:
        if len({lookup(tree, RelPath(name), repo.objects.tree) for tree in trees}) > 1:
            raise MergeRefused(
                f"The git-annex branches differ in {name.decode()}, so only git-annex itself may merge them.",
                "Run: git annex merge",
            )


def _united_tree(repo: Repository, ours: Oid, theirs: Oid, objects: NewObjects) -> Oid:
    """Every file of both trees; of one that is in both, the lines of both."""
    store = repo.objects
    changes: dict[RelPath, Entry | None] = {}
    for path, old, new in diff(ours, theirs, store.tree):
        if new is None:
            continue
        if old is None:
            changes[path] = new
        elif {old.mode, new.mode} <= _FILE_MODES:
            data = union(store.read(old.oid).data, store.read(new.oid).data)
            changes[path] = add_blob(data, objects, repo.format)
        else:  # nothing that git-annex makes, but the same on every node all the same
            changes[path] = min(old, new)
    edited = edit(ours, changes, store.tree, repo.format)
    objects |= edited.objects
    store.remember(objects)
    return edited.root


def add_blob(data: bytes, objects: NewObjects, fmt: ObjectFormat) -> Entry:
    """Adds a file's content to the new objects; gives its entry for a tree."""
    oid = fmt.hash(b"blob", data)
    objects[oid] = Object(b"blob", data)
    return Entry(MODE_FILE, oid)


def add_commit(commit: Commit, objects: NewObjects, fmt: ObjectFormat) -> Oid:
    """Adds a commit to the new objects; gives its id."""
    data = commit.encode()
    oid = fmt.hash(b"commit", data)
    objects[oid] = Object(b"commit", data)
    return oid
