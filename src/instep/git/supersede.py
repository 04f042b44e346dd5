"""Which of two heads stands for both, without a merge of the two.

In a ring, and wherever news comes by several ways, neighbours merge the same edits in different order, each
for itself. Merges of those merges need not ever become one: each round makes new heads, and conflicts that
are settled in different orders look like new conflicts. But a merge that we made is a function of its parents
(I14) and holds no edit of its own. So a head whose own commits are all such merges may be left for one that
holds all that they merged: nothing but the merges is gone.

Of two heads that hold the same edits, all nodes choose the same one: the one that more commits stand behind,
then the one with the lower id. A descendant has more commits, so this order and that of the history agree;
whoever only ever goes up in it comes to an end (I13).
"""

from collections.abc import Sequence

from instep.core.commit import merge_commit
from instep.core.types import Oid
from instep.git.history import commits_between
from instep.git.repository import Repository

MERGE = b"Merge\n"
UNITED = b"merge git-annex branches\n"
"""The messages of all merges that instep makes."""
MOST_COMMITS = 256
"""Heads that are further apart are merged: telling would take longer."""


def stands_for_both(repo: Repository, one: Oid, two: Oid) -> Oid | None:
    """The head that can take the place of both; None if each holds an edit that the other lacks. Neither is
    an ancestor of the other. Raises MissingObject."""
    edits = [not _is_merge_of_ours(repo, oid) for oid in (one, two)]
    if all(edits):
        return None
    of_one, of_two = (
        commits_between(repo, have, want, MOST_COMMITS) for have, want in ((two, one), (one, two))
    )
    if of_one is None or of_two is None:
        return None
    one_is_held, two_is_held = _are_merges(repo, of_one), _are_merges(repo, of_two)
    if one_is_held and two_is_held:
        return min((-len(of_one), one), (-len(of_two), two))[1]
    return two if one_is_held else one if two_is_held else None


def _are_merges(repo: Repository, commits: Sequence[Oid]) -> bool:
    return all(_is_merge_of_ours(repo, oid) for oid in commits)


def _is_merge_of_ours(repo: Repository, oid: Oid) -> bool:
    """Whether this is, to the byte, the merge that every node makes of these parents, but for its tree."""
    commit = repo.objects.commit(oid)
    if len(commit.parents) < 2 or commit.message not in (MERGE, UNITED):
        return False
    heads = [(parent, repo.objects.commit(parent)) for parent in commit.parents]
    return commit == merge_commit(commit.tree, heads, commit.message)
