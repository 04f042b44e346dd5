"""Where two commits meet: the merged tree of both, the same on every node whichever asks (I14)."""

from instep.core.merge import Merged, merge_trees, overlay
from instep.core.merge import merge_bases as virtual_base
from instep.core.types import Oid
from instep.git.history import merge_bases
from instep.git.textmerge import text_merger
from instep.steps.state import FolderState


class Meeting:
    """Merges trees; blocking."""

    def __init__(self, state: FolderState) -> None:
        self._state = state
        self._merge_text = text_merger(state.repo)

    def trees(self, ours: Oid, theirs: Oid) -> Merged:
        """The merged tree of two commits. Several merge bases are first merged themselves. # I14"""
        state, form = self._state, self._state.repo.format
        read, trees = state.repo.objects.tree, state.tree_of
        rules = (state.key_of, self._merge_text, form)
        bases = [trees(base) for base in merge_bases(state.repo, ours, theirs)]
        if not bases:
            return merge_trees(None, trees(ours), trees(theirs), read, *rules)
        base = virtual_base(bases, None, read, *rules)
        read = overlay(read, base.objects, form)
        return merge_trees(base.root, trees(ours), trees(theirs), read, *rules)
