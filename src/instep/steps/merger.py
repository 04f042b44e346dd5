"""Making one head of two, and bringing the work tree to it.

Whatever arrives is checked before anything is believed: each object hashes to its id, each commit is
complete, each path is one that git would accept. A merge is made of trees (`core.merge`) and is the same on
every node (I14). The work tree is brought to it file by file *before* the branch moves; a start after a crash
in between goes on with the same merge (`underway`). A file that was edited meanwhile is committed first and
merged (I5); one that can't be put in place now is written down as lagging, so that a merge always finishes.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from instep.core.commit import merge_commit
from instep.core.merge import Conflict
from instep.core.tree import diff, lookup_file, parents
from instep.core.types import Change, Key, Object, Objects, Oid, RelPath
from instep.fs.crash import Point, passed
from instep.fs.read import stat_beneath
from instep.git.history import FAR, is_ancestor
from instep.git.refs import RefUpdate
from instep.git.supersede import MERGE, stands_for_both
from instep.steps.arrival import Arrival, check_arrival, check_names
from instep.steps.committer import Committed, Committer
from instep.steps.install import Installer, Refusal
from instep.steps.lag import Cause, Lag
from instep.steps.meeting import Meeting
from instep.steps.placed import Placed
from instep.steps.state import FolderState
from instep.steps.underway import Underway

REMEMBER_BYTES = 8 << 20
"""More raw objects than this are written at once; fewer with the files that they make."""
ATTEMPTS = 5
"""How often an edit that came in between is committed and merged before other work gets its turn."""


@dataclass
class Merged:
    """What a merge came to."""

    head: Oid | None = None
    """Where the branch stands now, if it moved."""
    changes: list[Change] = field(default_factory=list[Change])
    local: list[Committed] = field(default_factory=list[Committed])
    """Local commits that were made on the way."""
    wanted: dict[Key, set[RelPath]] = field(default_factory=dict[Key, set[RelPath]])
    stored: list[Key] = field(default_factory=list[Key])
    conflicts: list[Conflict] = field(default_factory=list[Conflict])
    edited: set[RelPath] = field(default_factory=set[RelPath])
    """Paths that lag because of a local edit that could not be committed just now."""
    ripe: set[RelPath] = field(default_factory=set[RelPath])
    """Lagging paths whose edits are merged: nothing but their file is in the way any more."""
    postponed: bool = False
    """The head brings nothing and is ours to join, but somebody else may have done so in a moment."""
    unfinished: bool = False
    """The files keep changing: merge again soon."""


class _Target(NamedTuple):
    head: Oid
    tree: Oid
    objects: dict[Oid, Object]
    conflicts: tuple[Conflict, ...]


class Merger:
    """Makes merges and installs them; blocking, called by the folder's one writer only."""

    def __init__(
        self,
        state: FolderState,
        committer: Committer,
        installer: Installer,
        seen: Callable[[], set[RelPath]] = set,
    ) -> None:
        """`seen`: the paths and directories that wait to be committed, with all that the kernel has told."""
        self._state = state
        self._seen = seen
        self._committer = committer
        self._installer = installer
        self._meeting = Meeting(state)
        self._placed = Placed(state)
        self._underway = Underway(state)
        self.follow_branch = committer.follow_branch

    def resume(self, changes: Iterable[Change]) -> None:
        """An earlier process put these in place for a merge that is to be gone on with."""
        self._placed.begin(changes)

    def merge(self, arrival: Arrival, done: Merged | None = None) -> Merged:
        """Bring the folder to where its own head and the arrived one meet. What was committed on the way is
        in `done`, whatever is raised.

        Raises BadArrivalError or IncompleteError (nothing was moved), RefMoved (somebody else moved the
        branch, or checked out another: call again), OSError.
        """
        with self._state.repo.objects.writing(arrival.objects):
            merged = self._merge(arrival, Merged() if done is None else done)
        settled = self._state.forks.settle(self._state.head)
        merged.ripe = {path for path, lag in self._state.lag.paths.items() if lag.since in settled}
        return merged

    def _merge(self, arrival: Arrival, done: Merged) -> Merged:
        state = self._state
        state.check_head()
        check_arrival(state.repo, arrival)
        fresh = dict(arrival.objects)
        if not self._is_next(arrival):
            state.repo.objects.write(fresh)  # git itself will be asked about these commits
            fresh = {}
        contents = arrival.contents
        for _ in range(ATTEMPTS):
            before = state.head
            target = self._target(arrival, done)
            if target is None:
                self._keep(fresh, contents, done)
                return done
            changes = self._with_lag(diff(state.tree, target.tree, state.repo.objects.tree))
            changes = self._placed.correct(changes, target.tree)
            check_names(changes)
            self._placed.begin(changes)
            self._underway.note(arrival.head, target.tree)
            refused = self._installer.bring(changes, fresh | target.objects, contents, done)
            self._placed.brought(changes, refused)
            fresh, contents = {}, ()
            if self._commit_edits(refused, done):
                continue
            passed(Point.INSTALLED)
            self._write_lag(changes, refused, before, target.tree)
            self._move_branch(target, done)
            state.passes_by(changes)
            state.crossed.note(changes, before)
            done.changes = changes
            done.edited = {refusal.change.path for refusal in refused if refusal.edited}
            done.conflicts = list(target.conflicts)
            return done
        done.unfinished = True
        return done

    def retry(self, paths: Iterable[RelPath], done: Merged | None = None) -> Merged:
        """Try again to put in place what lags, and content that has come; `done` as in `merge`. Raises
        RefMoved, OSError."""
        state, done = self._state, Merged() if done is None else done
        state.check_head()
        changes: list[Change] = []
        for path in sorted(paths):
            lag = state.lag.get(path)
            entry = lookup_file(state.tree, path, state.repo.objects.tree)
            if lag is not None:
                changes.append(Change(path, lag.have, entry))
            elif entry is not None:
                changes.append(Change(path, entry, entry))
        offered = state.copies.keys
        refused = self._installer.bring(changes, {}, (), done)
        state.copies.discard(offered)  # what was made for a file that has another version now
        self._write_lag(changes, refused, state.head, state.tree)
        state.lag.save()
        for refusal in refused:
            if refusal.lacks_content:
                state.known.forget(refusal.change.path)  # I7: it is to be looked at for what it is
        self._commit_edits(refused, done)
        done.changes = changes
        return done

    def _commit_edits(self, refused: Iterable[Refusal], done: Merged) -> bool:
        """Commit what stood in the way of an installation, ignored or not. False if nothing could be.

        What is gone may have been moved. So that its new name is in the same commit, and the edit that
        arrives goes there, what else was seen to change is committed with it.
        """
        places = {refusal.change.path for refusal in refused if refusal.edited}
        above = {directory for path in places for directory in parents(path)}
        self._state.gate.let_pass(places)
        beside = self._seen() if any(map(self._is_gone, places)) else set[RelPath]()
        skip = self._state.skip
        paths = self._committer.expand(places | {p for p in beside if not (skip(p, False) or skip(p, True))})
        paths.extend(sorted(above | places))
        moved = False
        while paths:
            committed = self._committer.commit(paths, even_ignored=True)
            done.local.append(committed)
            moved = moved or committed.commit is not None or bool(committed.forks)
        return moved

    def _is_gone(self, path: RelPath) -> bool:
        with suppress(OSError):
            return stat_beneath(self._state.work_tree.root_fd, path) is None
        return False

    def _target(self, arrival: Arrival, done: Merged) -> _Target | None:
        """Where our head and this one meet; None if ours has it already, or the peer will join the two."""
        state, head = self._state, arrival.head
        store, ours = state.repo.objects, state.head
        if ours == head or ours is None:
            return None if ours else _Target(head, state.tree_of(head), {}, ())
        kept = self._kept(ours, arrival)
        if kept is not None:
            return _Target(head, state.tree_of(head), {}, ()) if kept == head else None
        root, objects, conflicts, _ = self._meeting.trees(ours, head)
        if self._is_left_to_peer(arrival, root):
            return None
        if root == self._state.tree and arrival.peer_joins is not None and not arrival.ripe:
            done.postponed = True
            return None
        heads = [(oid, store.commit(oid)) for oid in (ours, head)]
        data = merge_commit(root, heads, MERGE).encode()
        oid = self._state.repo.format.hash(b"commit", data)
        objects[oid] = Object(b"commit", data)
        store.remember(objects)
        return _Target(oid, root, objects, conflicts)

    def _kept(self, ours: Oid, arrival: Arrival) -> Oid | None:
        """The one of both heads that holds the other; None if they have to be merged. # I13"""
        repo, head = self._state.repo, arrival.head
        if is_ancestor(repo, ours, head):
            return head
        if is_ancestor(repo, head, ours):
            return ours
        return None if arrival.peer_joins is None else stands_for_both(repo, ours, head)

    def _is_left_to_peer(self, arrival: Arrival, root: Oid) -> bool:
        """Whether the arrived head brings nothing that our tree lacks, and its sender makes the one head.

        Two sides that both join heads of equal trees can miss each other for ever: each has made a new head
        when the other's comes (I13). So a side that gains nothing by it waits for the other to come to where
        it is, and of two that both gain nothing one alone does it. Where three or more stand in a ring that
        is not enough, so the one that joins waits a random while first: who fires first is followed by all
        (I19).
        """
        if arrival.peer_joins is None or root != self._state.tree:
            return False
        return arrival.peer_joins or root != self._state.tree_of(arrival.head)

    def _is_next(self, arrival: Arrival) -> bool:
        """Whether these are a few small steps on from where we are: then its objects are written with the
        files."""
        store, oid = self._state.repo.objects, arrival.head
        if sum(len(item.data) for item in arrival.objects.values()) > REMEMBER_BYTES:
            return False
        for _ in range(FAR // 2):
            parents = store.commit(oid).parents
            if self._state.head in parents:
                return True
            if len(parents) != 1 or parents[0] not in arrival.objects:
                return False
            oid = parents[0]
        return False

    def _with_lag(self, changes: Iterable[Change]) -> list[Change]:
        """The same changes, starting from what the work tree has where that differs from the branch."""
        lag = self._state.lag
        if not lag:
            return list(changes)
        return [Change(c.path, known.have, c.new) if (known := lag.get(c.path)) else c for c in changes]

    def _write_lag(
        self, changes: Iterable[Change], refused: Iterable[Refusal], since: Oid | None, tree: Oid | None
    ) -> None:
        book = self._state.lag
        left = {r.change.path: r for r in refused}
        for change in changes:
            refusal = left.get(change.path)
            old = book.get(change.path)
            if refusal is None:
                book.drop(change.path)
                continue
            ground = old.since if old is not None else since
            if refusal.lacks_content:
                lag = Lag(refusal.change.old, ground, Cause.POINTER, refusal.detail)
            else:
                cause = Cause.BUSY if refusal.edited else refusal.cause
                lag = Lag(change.old, ground, cause, refusal.detail)
            book.add(change.path, lag)
        for path, lag in list(book.paths.items()):
            is_reached = lag.have == lookup_file(tree, path, self._state.repo.objects.tree)
            if is_reached and lag.cause is not Cause.POINTER:
                book.drop(path)  # the branch came to where the file is

    def _move_branch(self, target: _Target, done: Merged) -> None:
        state = self._state
        state.lag.save()  # I10: the book before the branch
        state.repo.refs.update([RefUpdate(state.branch_ref, target.head, state.head)], "instep: merge")
        state.head = done.head = target.head
        self._placed.settled()

    def _keep(self, objects: Objects, contents: tuple[tuple[Key, bytes], ...], done: Merged) -> None:
        """Store what came though there is nothing to merge, and take back what was placed in vain."""
        back = self._placed.correct((), self._state.tree)
        if objects or contents or back:
            refused = self._installer.bring(back, objects, contents, done)
            self._write_lag(back, refused, self._state.head, self._state.tree)
            self._state.lag.save()
            done.edited = {refusal.change.path for refusal in refused if refusal.edited}
        self._placed.settled()
