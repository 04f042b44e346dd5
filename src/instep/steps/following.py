"""Standing where HEAD stands: somebody else moved the branch, or checked out another one.

A branch that was rewritten (amended, rebased, filtered, set elsewhere) comes back from the copies that have
its old commits, and is merged with them. What a person did knowing them is newer than they are: where the
merge would not come to that by itself, the person's tree is committed on both (ADR 10), and nothing is lost.
"""

import contextlib
import time
from collections.abc import Callable

from instep.core.tree import diff
from instep.core.types import Oid, RelPath
from instep.git.errors import MissingObject, RefMoved
from instep.git.history import is_ancestor
from instep.git.refs import RefUpdate
from instep.steps.meeting import Meeting
from instep.steps.own_commits import own_commit
from instep.steps.state import FolderState

OWN_MOVES = "instep: "
"""How the reflog's reason begins where we moved the branch."""
_MESSAGE = b"Keep what was made of these commits\n\nThe branch was rewritten by hand.\n"


class Following:
    """Follows HEAD; blocking, called by the folder's one writer only."""

    def __init__(self, state: FolderState, clock: Callable[[], float] = time.time) -> None:
        self._state = state
        self._clock = clock
        self._meeting = Meeting(state)

    def follow(self) -> set[RelPath]:
        """Gives the paths in which the branch that is checked out now differs from where we stood; none while
        no branch is checked out."""
        state = self._state
        before = state.tree
        while (branch := state.repo.refs.head_branch()) is not None and not state.is_at_head():
            tip = state.repo.refs.read(f"refs/heads/{branch}")
            state.repo.sync()  # I10
            known = state.head if branch == state.branch else None
            with contextlib.suppress(RefMoved):
                state.branch, state.head = branch, self._with(known, tip, f"refs/heads/{branch}")
        changes = list(diff(before, state.tree, state.repo.objects.tree))
        state.passes_by(changes)
        return {change.path for change in changes}

    def catch_up(self) -> None:
        """At the start: take in that the branch was rewritten while nothing ran here."""
        state = self._state
        known = state.repo.refs.last_move(state.branch_ref, OWN_MOVES)
        if known is not None:
            with contextlib.suppress(MissingObject, RefMoved):
                state.head = self._with(known, state.head, state.branch_ref)

    def _with(self, known: Oid | None, tip: Oid | None, ref: str) -> Oid | None:
        """The commit to stand at, which holds what we knew where a merge with that would undo the tip.

        Raises RefMoved.
        """
        repo = self._state.repo
        if known is None or tip is None or is_ancestor(repo, known, tip) or is_ancestor(repo, tip, known):
            return tip
        tree = self._state.tree_of(tip)
        if self._meeting.trees(tip, known).root == tree:
            return tip
        oid, commit = own_commit(repo, tree, (tip, known), _MESSAGE, self._clock())
        repo.objects.write({oid: commit})
        repo.refs.update([RefUpdate(ref, oid, tip)], "instep: merge")
        return oid
