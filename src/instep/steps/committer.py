"""Making a commit of the paths that changed: the last commit's tree, edited at those and no others.

Objects are durable before the branch moves (I10); a
deletion is committed only when it is proven (I2); an edit of a lagging path is committed on the ground that
it was made on, and handed to the merge step.
"""

import contextlib
import errno
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

from instep.annex.errors import SettingError
from instep.core.commit import describe
from instep.core.tree import edit, lookup, lookup_file, walk
from instep.core.types import Change, Entry, Key, Object, Oid, RelPath
from instep.fs.crash import Point, passed
from instep.fs.durable import Batch
from instep.fs.identity import Identity
from instep.fs.read import Gone, NotCaptured, StillOpen, identify
from instep.fs.scan import scan_beneath
from instep.git.errors import RefMoved
from instep.git.refs import RefUpdate
from instep.steps.following import Following
from instep.steps.lag import Cause, Lag
from instep.steps.look import Look, pass_over, root_is_whole
from instep.steps.own_commits import own_commit
from instep.steps.sight import Sight
from instep.steps.spellings import Spellings
from instep.steps.state import FolderState

MAX_CHANGES = 512
"""Changes in one commit: more are committed in turns, so that the other side works while this one does."""
MAX_BYTES = 64 << 20
"""New content read into memory for one commit."""

_OF_ONE_FILE = frozenset(
    {errno.EACCES, errno.EPERM, errno.EIO, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}
)
"""What keeps one file from being looked at, and no other one. # I25"""


@dataclass
class Committed:
    """What one round of looking and committing came to."""

    commit: Oid | None = None
    """The new head, if there is one."""
    changes: list[Change] = field(default_factory=list[Change])
    forks: list[Oid] = field(default_factory=list[Oid])
    """Commits of edits to lagging paths, still to be merged."""
    lagging: dict[RelPath, Sight] = field(default_factory=dict[RelPath, Sight])
    """What was seen of lagging paths, changed or not."""
    unchanged_lag: set[RelPath] = field(default_factory=set[RelPath])
    """Lagging paths whose file is as it was: worth another try to install."""
    rewritten: dict[RelPath, Sight] = field(default_factory=dict[RelPath, Sight])
    """Files that hold what is tracked, and were written anew: the index has the old file's size and times."""
    still_open: set[RelPath] = field(default_factory=set[RelPath])
    again: set[RelPath] = field(default_factory=set[RelPath])
    unreadable: dict[RelPath, str] = field(default_factory=dict[RelPath, str])
    failing: set[RelPath] = field(default_factory=set[RelPath])
    """Of these, the ones where the disk is to blame: no event tells when that is over."""
    undecided: dict[RelPath, SettingError] = field(default_factory=dict[RelPath, SettingError])
    """Files that are left as they are, because a setting that decides about them is not understood."""
    odd: set[RelPath] = field(default_factory=set[RelPath])
    large: dict[RelPath, Identity] = field(default_factory=dict[RelPath, Identity])
    """Large files that are to be read into the annex first, beside the writer."""
    captured: dict[RelPath, Identity] = field(default_factory=dict[RelPath, Identity])
    """Files that were captured while they were changing, for they had waited for long; in `still_open` and
    `again` too. # I9"""
    closed: set[RelPath] = field(default_factory=set[RelPath])
    """Paths that could be looked at."""
    stored: list[Key] = field(default_factory=list[Key])
    """Keys whose content is in this annex, be it new there or not."""
    lost: list[Key] = field(default_factory=list[Key])
    """Keys whose object was overwritten in place, through a hard link in the work tree (annex.thin)."""
    wanted: dict[Key, set[RelPath]] = field(default_factory=dict[Key, set[RelPath]])
    """Keys of pointer files whose content is not here."""


@dataclass(frozen=True, slots=True)
class _Told:
    """A commit that peers may have, and that the disk here refused: its objects are nowhere else here."""

    commit: Oid
    parent: Oid | None
    objects: dict[Oid, Object]
    changes: list[Change]


class Committer:
    """Makes commits; blocking, called by the folder's one writer only."""

    def __init__(self, state: FolderState, clock: Callable[[], float] = time.time) -> None:
        self._state = state
        self._clock = clock
        self._refused = False
        """Whether the disk did not take the last commit."""
        self._told: _Told | None = None
        self._spellings = Spellings(state)
        self.follow_branch = Following(state, clock).follow

    def expand(self, scans: Iterable[RelPath]) -> deque[RelPath]:
        """Every path at or below these directories that exists or is tracked, each once: in order, but what
        went beside what came, so that one commit has both names of what was moved."""
        state = self._state
        found: set[RelPath] = set()
        tracked: set[RelPath] = set()
        for under in scans:
            seen = scan_beneath(state.work_tree.root_fd, under, state.skip, pass_over)
            found.update(path for path, _ in seen)
            tracked.update(path for path, _ in walk(state.tree, state.repo.objects.tree, under))
        there, gone = sorted(found), sorted(tracked - found)
        return deque(path for both in zip_longest(there, gone) for path in both if path is not None)

    def commit(
        self, paths: deque[RelPath], *, even_ignored: bool = False, insisted: Collection[RelPath] = ()
    ) -> Committed:
        """Look at paths (taking them from the left, up to the limits of one commit) and commit what
        changed; the `insisted` ones as they are, be they quiet or not.

        Raises RefMoved if somebody else moved the branch meanwhile (nothing is lost: look again), OSError
        when the disk refuses.
        """
        if self._told is not None:
            return self._keep_word(self._told)  # the paths are looked at next time
        state, done = self._state, Committed()
        mark, mounted, since_ns = state.turns.mark(), state.mounts.now(), time.time_ns()
        with Batch(state.staging) as batch:
            look = Look(state, batch, even_ignored, insisted)
            sights: dict[RelPath, Sight] = {}
            forked: dict[Oid | None, dict[RelPath, Entry | None]] = {}
            looked: set[RelPath] = set()
            while paths and len(sights) < MAX_CHANGES and look.staged_bytes < MAX_BYTES:
                path = paths.popleft()
                for each in {path, *self._spellings.others(path)} - looked:
                    looked.add(each)
                    self._look(look, each, sights, forked, done)
            done.odd, done.large = look.odd, look.large
            self._hold_absent(sights, forked, mounted)
            deletes = any(sight.entry is None for sight in sights.values())
            deletes = deletes or any(None in edits.values() for edits in forked.values())
            if deletes and not root_is_whole(state.work_tree.root, state.work_tree.root_fd):
                raise OSError(errno.ESTALE, "the folder is not the directory that it was")  # I2
            unsure = done.still_open | done.again | done.unreadable.keys() | done.undecided.keys()
            state.gate.sift(sights, looked - unsure, state.tree, look.objects)  # I8
            objects: dict[Oid, Object] = dict(look.objects)
            commits = {since: self._fork(since, edits, objects) for since, edits in forked.items()}
            done.commit = self._commit_on_head(sights, objects, done)
            if done.commit is not None:
                self._check_branch(mark)
            self._publish(look, batch, objects, done)
            done.forks += commits.values()
            state.forks.add(done.forks)
            for since, edits in forked.items():
                for path, entry in edits.items():
                    state.lag.moved(path, entry, commits[since])
            state.lag.save()
            state.passes_by(done.changes)
            self._give_up_overwritten(done.changes, sights, done)
            # Not before: if this fails all that was seen is seen again, and what a pointer waits for.
            for path, sight in (*sights.items(), *done.rewritten.items(), *done.lagging.items()):
                if sight.entry is not None and sight.identity is not None and sight.settled:
                    identity = self._identity_now(path, sight.identity)
                    guess = state.work_tree.grain.hides(identity, since_ns)
                    state.known.note(path, identity, sight.entry, guess=guess)
        return done

    def _identity_now(self, path: RelPath, seen: Identity) -> Identity:
        """A file that became a hard link of its object (annex.thin) has another ctime than then. # I4"""
        if self._state.settings.thin and seen.is_regular:
            with contextlib.suppress(Gone, OSError):
                now = identify(self._state.work_tree.root_fd, path)
                return now if now.same_content_as(seen) and now.mode == seen.mode else seen
        return seen

    def _give_up_overwritten(
        self, changes: Iterable[Change], sights: Mapping[RelPath, Sight], done: Committed
    ) -> None:
        """An old version that was a hard link of the edited file is gone, and is not counted. # I11"""
        for change in changes:
            identity = sights[change.path].identity
            if change.old is None or change.new is None or identity is None or not identity.is_regular:
                continue
            key = self._state.key_of(change.old) if change.old.oid != change.new.oid else None
            if key is not None and self._state.store.give_up(key, identity):
                done.lost.append(key)

    def _check_branch(self, mark: Identity | None) -> None:
        """Raises RefMoved if a person's git changed the work tree, or the branch, since then. # I27"""
        state = self._state
        state.check_head()
        if state.turns.mark() != mark:
            raise RefMoved(state.branch_ref, state.head, state.head)

    def _publish(self, look: Look, batch: Batch, objects: dict[Oid, Object], done: Committed) -> None:
        """To the peers, to the disk here, and into the branch. Raises RefMoved, OSError."""
        state = self._state
        try:
            with state.repo.objects.writing(objects):
                self._tell_coming(look, objects, done)
                self._refused = True
                self._store(look, batch, objects, done)
                self._refused = False
            if done.commit is not None:
                self._move_branch(done.commit, done)
        except (OSError, MemoryError):
            if state.coming is not None:
                self._told = _Told(state.coming, state.head, objects, done.changes)
            raise
        finally:
            state.coming = None

    def _move_branch(self, commit: Oid, done: Committed) -> None:
        """Raises RefMoved; but a commit that a peer may have already is left to be merged like a fork."""
        state = self._state
        try:
            state.repo.refs.update([RefUpdate(state.branch_ref, commit, state.head)], "instep: commit")
        except RefMoved:
            if state.coming is None:
                raise
            done.forks.append(commit)
            self._rests_on(commit, done.changes)
            done.commit, done.changes = None, []
        else:
            state.head = commit

    def _tell_coming(self, look: Look, objects: dict[Oid, Object], done: Committed) -> None:
        """Let the peers have the commit while it goes to the disk here (ADR 5). One whose annex content is
        not in place yet waits, so that the content can travel with it. So does one after the disk refused
        one: each attempt makes another, and peers would have them all."""
        if done.commit is not None and not look.contents and not self._refused:
            self._state.repo.objects.remember(objects)
            self._state.coming = done.commit
            self._state.tell_coming()
            passed(Point.COMMIT_TOLD)

    def _keep_word(self, told: _Told) -> Committed:
        """What peers have as our commit is made ours after all, before anything else is committed: else what
        was deleted or edited since would meet it as something that we never knew of. # I17

        Raises OSError while the disk refuses it still, and RefMoved as `commit` does: it is kept then.
        """
        state, done = self._state, Committed()
        state.check_head()
        state.repo.objects.write(told.objects)
        if told.parent == state.head:
            done.commit, done.changes = told.commit, told.changes
            self._move_branch(told.commit, done)
            state.passes_by(done.changes)
        else:
            done.forks.append(told.commit)
            self._rests_on(told.commit, told.changes)
        state.forks.add(done.forks)
        state.lag.save()
        self._told, self._refused = None, False
        return done

    def _rests_on(self, fork: Oid, changes: Iterable[Change]) -> None:
        """The work tree has what a fork says: until that is merged, what was done to these files since is
        committed on it, or the merge would take it back. # I5 I17"""
        state = self._state
        for path, _, new in changes:
            if path not in state.lag and lookup_file(state.tree, path, state.repo.objects.tree) != new:
                state.lag.add(path, Lag(new, fork, Cause.AHEAD))

    def _look(
        self,
        look: Look,
        path: RelPath,
        sights: dict[RelPath, Sight],
        forked: dict[Oid | None, dict[RelPath, Entry | None]],
        done: Committed,
    ) -> None:
        state = self._state
        tracked = lookup(state.tree, path, state.repo.objects.tree)
        sight = self._try(look, path, tracked, done)
        if sight is None:
            return
        if sight.awaits is not None:
            done.wanted.setdefault(sight.awaits, set()).add(path)
        if (lag := state.lag.get(path)) is not None:
            done.lagging[path] = sight
            if sight.entry == lag.have:
                done.unchanged_lag.add(path)
            else:
                forked.setdefault(lag.since, {})[path] = sight.entry
        elif sight.entry is None and tracked is not None and tracked.is_tree:
            self._gone_directory(path, sights)
        elif sight.entry != tracked:
            ground = state.crossed.ground(path, sight.entry, sight.identity)
            if ground is None:
                sights[path] = sight
            else:
                state.lag.add(
                    path, Lag(sight.entry, ground, Cause.BUSY, "a git put back what was there before")
                )
                done.lagging[path] = sight
                done.unchanged_lag.add(path)
        elif sight.identity is not None and sight.settled:
            done.rewritten[path] = sight

    def _try(self, look: Look, path: RelPath, tracked: Entry | None, done: Committed) -> Sight | None:
        """What there is to say of one path; what keeps it from being looked at is noted."""
        try:
            sight = look.at(path, tracked)
        except StillOpen:
            done.still_open.add(path)
        except NotCaptured:
            done.again.add(path)
        except SettingError as error:
            done.undecided[path] = error
        except OSError as error:
            if error.errno not in _OF_ONE_FILE:
                raise
            lag = self._state.lag.get(path)
            if lag is None or lag.have is not None:
                done.unreadable[path] = error.strerror or "can't be read"
                if error.errno == errno.EIO:
                    done.failing.add(path)
        else:
            if sight is not None and sight.identity is not None and not sight.settled:
                done.captured[path] = sight.identity
                done.still_open.add(path)
                done.again.add(path)  # no closing is told of where only its times spoke for it
            elif path not in look.large:
                done.closed.add(path)
            return sight
        return None

    def _hold_absent(
        self,
        sights: dict[RelPath, Sight],
        forked: dict[Oid | None, dict[RelPath, Entry | None]],
        mounted: dict[RelPath, int],
    ) -> None:
        """Take out what is missing only because a drive inside the folder is (I8), or has no place (I3)."""
        now = self._state.mounts.now()

        def is_held(path: RelPath) -> bool:
            return self._state.mounts.away(path, mounted, now) or self._spellings.has_no_place(path)

        for path in [path for path, sight in sights.items() if sight.entry is None]:
            if is_held(path):
                del sights[path]
        for edits in forked.values():
            for path in [path for path, entry in edits.items() if entry is None]:
                if is_held(path):
                    del edits[path]
        for since in [since for since, edits in forked.items() if not edits]:
            del forked[since]

    def _gone_directory(self, under: RelPath, sights: dict[RelPath, Sight]) -> None:
        """A tracked directory is gone: so is every file in it, but for those that were never there (I3)."""
        for path, _ in walk(self._state.tree, self._state.repo.objects.tree, under):
            self._state.known.forget(path)
            if path not in self._state.lag and not self._state.sparse.leaves_out(path):
                sights[path] = Sight(path, None)

    def _commit_on_head(
        self, sights: Mapping[RelPath, Sight], objects: dict[Oid, Object], done: Committed
    ) -> Oid | None:
        """Add the trees and the commit to objects; None if the tree is the same as before."""
        state = self._state
        read = state.repo.objects.tree
        tree = state.tree
        edits = {path: sight.entry for path, sight in sights.items()}
        done.changes = [Change(path, lookup(tree, path, read), entry) for path, entry in edits.items()]
        edited = edit(tree, edits, read, state.repo.format)
        if not edits or edited.root == tree:
            return None
        objects |= edited.objects
        parents = () if state.head is None else (state.head,)
        return self._add_commit(edited.root, parents, describe(done.changes), objects)

    def _fork(
        self, since: Oid | None, edits: Mapping[RelPath, Entry | None], objects: dict[Oid, Object]
    ) -> Oid:
        """A commit of edits to lagging paths, on the commit that their files rest on. # I5"""
        state = self._state
        base = None if since is None else state.tree_of(since)
        edited = edit(base, edits, state.repo.objects.tree, state.repo.format)
        objects |= edited.objects
        changes = [Change(path, None, entry) for path, entry in edits.items()]
        return self._add_commit(edited.root, () if since is None else (since,), describe(changes), objects)

    def _add_commit(
        self, tree: Oid, parents: tuple[Oid, ...], message: bytes, objects: dict[Oid, Object]
    ) -> Oid:
        oid, commit = own_commit(self._state.repo, tree, parents, message, self._clock())
        objects[oid] = commit
        return oid

    def _store(self, look: Look, batch: Batch, objects: dict[Oid, Object], done: Committed) -> None:
        """Make everything new durable with one sync, then put it in place. # I10"""
        store = self._state.store
        pending = self._state.repo.objects.stage(objects, batch)
        batch.sync()
        pending.place()
        for content in look.contents:
            store.put(content)
            done.stored.append(content.key)  # I11: who stored it may have died before it was recorded
