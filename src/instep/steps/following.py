"""Standing where HEAD stands: somebody else moved the branch, or checked out another one.

A branch that was rewritten (amended, rebased, filtered, set elsewhere) comes back from the copies that have
its old commits, and is merged with them. What a person did knowing them is newer than they are: where the
merge would not come to that by itself, the person's tree is committed on both (ADR 10), and nothing is lost.

A person's commit takes what is in the work tree. Where that lags behind the branch (`lag`), it would undo the
newer version which nobody here has seen yet: that is put back on top, and what the file holds, if it was
edited, is merged as the concurrent edit that it is. # I5

A merge that a person finishes takes what is in git's index, too, which is a moment late: what no side of the
merge has any more is put back in the same way. # I17
"""

import contextlib
import time
from collections.abc import Callable

from instep.core.tree import diff, edit, lookup
from instep.core.types import Entry, Oid, RelPath
from instep.git.errors import MissingObject, RefMoved
from instep.git.history import is_ancestor
from instep.git.refs import RefMove, RefUpdate
from instep.steps.lag import Cause, Lag
from instep.steps.meeting import Meeting
from instep.steps.own_commits import own_commit
from instep.steps.state import FolderState

OWN_MOVES = b"instep: "
"""How the reflog's reason begins where we moved the branch."""
_COMMITS = b"commit"
"""... and how where a person committed what is in the work tree: `commit: `, `commit (amend): ` and so on."""
_MERGES = b"commit (merge)"
_PUT_BACK = b"Put back what had not come to the work tree yet\n"
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
        ours = (move for move in state.repo.refs.moves(state.branch_ref) if move.reason.startswith(OWN_MOVES))
        known = next((move.new for move in ours), None)
        if known is not None:
            with contextlib.suppress(MissingObject, RefMoved):
                state.head = self._with(known, state.head, state.branch_ref)

    def _with(self, known: Oid | None, tip: Oid | None, ref: str) -> Oid | None:
        """The commit to stand at: it holds what we knew, where the tip or a merge with it would undo that.

        Raises RefMoved.
        """
        repo = self._state.repo
        if known is None or tip is None or known == tip:
            return tip
        tree = self._state.tree_of(tip)
        stale = self._stale(known, tip, ref)
        edited = edit(tree, self._undone(known, tip, ref) | stale, repo.objects.tree, repo.format)
        rewritten = not is_ancestor(repo, known, tip) and not is_ancestor(repo, tip, known)
        if edited.root == tree and not (rewritten and self._meeting.trees(tip, known).root != tree):
            return tip
        parents = (tip, known) if rewritten else (tip,)
        message = _PUT_BACK if edited.root != tree else _MESSAGE
        oid, commit = own_commit(repo, edited.root, parents, message, self._clock())
        repo.objects.write(edited.objects | {oid: commit})
        for path in stale:
            self._state.lag.add(path, Lag(self._entry(tip, path), tip, Cause.BUSY))
        self._state.lag.save()  # I10: the book before the branch
        repo.refs.update([RefUpdate(ref, oid, tip)], "instep: merge")
        return oid

    def _undone(self, known: Oid, tip: Oid, ref: str) -> dict[RelPath, Entry | None]:
        """What lagging paths had before commits that were made here since, and have no longer."""
        undone: dict[RelPath, tuple[Entry | None, Entry | None]] = {}
        for move in self._moves_since(known, ref) if self._state.lag else ():
            if move.old is None or not move.reason.startswith(_COMMITS):
                continue
            for path in self._state.lag.paths:
                was, now = self._entry(move.old, path), self._entry(move.new, path)
                if was != now and not self._was_merged(move, path, now):
                    undone[path] = was, undone[path][1] if path in undone else now
        return {path: was for path, (was, now) in undone.items() if self._entry(tip, path) == now}

    def _stale(self, known: Oid, tip: Oid, ref: str) -> dict[RelPath, Entry | None]:
        """What a merge that a person finished has otherwise than all its parents, and as it was before one of
        ours: it is from git's index, which is written later. # I17"""
        state, stale = self._state, dict[RelPath, Entry | None]()
        for move in self._moves_since(known, ref):
            if move.old is None or not move.reason.startswith(_MERGES):
                continue
            parents = state.repo.objects.commit(move.new).parents
            before, after = state.tree_of(move.old), state.tree_of(move.new)
            for path, old, new in diff(before, after, state.repo.objects.tree):
                if not state.crossed.replaced(path, new) or path in state.lag:
                    continue
                agreed = {self._entry(parent, path) for parent in parents} == {old}
                if agreed and self._entry(tip, path) == new:
                    stale[path] = old
        return stale

    def _moves_since(self, known: Oid, ref: str) -> list[RefMove]:
        """The newest first; none where the reflog does not go back so far."""
        moves: list[RefMove] = []
        for move in self._state.repo.refs.moves(ref):
            if move.new == known:
                return moves
            moves.append(move)
        return []

    def _was_merged(self, move: RefMove, path: RelPath, entry: Entry | None) -> bool:
        """Whether a merge that a person finished has this from the other side."""
        if not move.reason.startswith(_MERGES):
            return False
        parents = self._state.repo.objects.commit(move.new).parents
        return any(self._entry(parent, path) == entry for parent in parents if parent != move.old)

    def _entry(self, commit: Oid, path: RelPath) -> Entry | None:
        return lookup(self._state.tree_of(commit), path, self._state.repo.objects.tree)
