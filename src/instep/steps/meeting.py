"""Where two commits meet: the merged tree of both, the same on every node whichever asks (I14).

Two sides that go on while they take in what the other had before, have several best common ancestors as soon
as each has the other's older commit. What they have in common then is those ancestors' own merge, made
against what *they* had in common, and so on: a base that is older than that would bring back what was
deleted since (I17), and take an edit that one side alone made for a conflict.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from instep.core.merge import Disputed, Merged, merge_trees, overlay
from instep.core.types import Entry, Object, Oid, RelPath
from instep.git.history import merge_bases
from instep.git.textmerge import text_merger
from instep.steps.state import FolderState

MOST_LEVELS = 32
"""So many merges of ancestors at most stand behind one merge; below them, the first ancestor is the base.

Both sides of a long dialogue where neither ever waits would otherwise be followed back to its beginning."""


class Meeting:
    """Merges trees; blocking."""

    def __init__(self, state: FolderState) -> None:
        self._state = state
        self._merge_text = text_merger(state.repo)

    def trees(self, ours: Oid, theirs: Oid) -> Merged:
        """The merged tree of two commits."""
        common = _Common(self)
        ground = common.ground(merge_bases(self._state.repo, ours, theirs))
        return self.merge(ground, self.tree_of(ours), self.tree_of(theirs), common.made)

    def tree_of(self, commit: Oid) -> Oid:
        return self._state.tree_of(commit)

    def common(self, commit: Oid, others: Sequence[Oid]) -> list[Oid]:
        """The best common ancestors of `commit` and a merge of the others."""
        return merge_bases(self._state.repo, commit, *others)

    def merge(self, ground: "_Ground", one: Oid, two: Oid, made: dict[Oid, Object]) -> Merged:
        """One merge of trees, of which those in `made` are not written anywhere."""
        state, form = self._state, self._state.repo.format
        read = overlay(state.repo.objects.tree, made, form)
        base, disputed = ground
        return merge_trees(base, one, two, read, state.key_of, self._merge_text, form, disputed)


class _Ground(NamedTuple):
    """What two sides have in common; `root` None if they never met."""

    root: Oid | None
    disputed: Disputed
    """What several ancestors did not agree on, and their merge set aside."""


class _Common:
    """One ground for several ancestors. What it comes to depends on the commits alone. # I14"""

    def __init__(self, meeting: Meeting) -> None:
        self.made: dict[Oid, Object] = {}
        self._meeting = meeting
        self._levels = MOST_LEVELS

    def ground(self, commits: Sequence[Oid]) -> _Ground:
        """The merge of these, which are in order of id."""
        if not commits:
            return _Ground(None, {})
        root = self._meeting.tree_of(commits[0])
        disputed: dict[RelPath, set[Entry]] = defaultdict(set)
        for number, commit in enumerate(commits[1:], 1):
            if not self._levels:
                break
            self._levels -= 1
            ground = self.ground(self._meeting.common(commit, commits[:number]))
            merged = self._meeting.merge(ground, root, self._meeting.tree_of(commit), self.made)
            self.made |= merged.objects
            root = merged.root
            for path, versions in merged.disputed.items():
                disputed[path].update(versions)
        return _Ground(root, disputed)
