"""Bringing the work tree to a tree, file by file, so that no edit is lost and no file is ever half there.

Everything that is to be put in place is first written aside and made durable with one sync (I10); then each
file is renamed or exchanged into its place (I6), and what it displaced is looked at: if that is not what
the merge had read, it goes back, and the path is refused (I5). What came in is remembered by identity, so
that its own event is not taken for a change (I4).
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, assert_never

from instep.annex.store import StagedContent
from instep.core.plan import Create, Move, Prune, Remove, Replace, Step, plan_install
from instep.core.pointers import MAX_POINTER_BYTES, key_of_pointer
from instep.core.types import MODE_EXEC, MODE_GITLINK, MODE_LINK, Change, Entry, Key, Objects, RelPath
from instep.fs.durable import Batch, Staged
from instep.fs.identity import Identity
from instep.fs.install import Reason, Refused
from instep.fs.read import Gone, NotCaptured, identify, read_stable
from instep.fs.syscalls import AT_FDCWD
from instep.steps.lag import Cause
from instep.steps.recognise import holds, recognised
from instep.steps.state import FolderState

AT_ONCE = 1024
"""Files that are written aside before the first of them is put in place."""

_EDITED = frozenset(
    {
        Reason.EXISTS,
        Reason.CHANGED,
        Reason.OPEN,
        Reason.IS_DIRECTORY,
        Reason.NOT_DIRECTORY,
        Reason.SYMLINKED_PARENT,
    }
)
"""Somebody was here: to be committed before it is merged."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A change that the work tree did not take now. `edited`: because of a local edit."""

    change: Change
    cause: Cause
    detail: str = ""
    edited: bool = False

    @property
    def lacks_content(self) -> bool:
        """Whether a pointer of this very version is in place, and only its content is not."""
        return self.change.old == self.change.new


class Report(Protocol):
    """Where an installation says what else came of it."""

    wanted: dict[Key, set[RelPath]]
    stored: list[Key]


class Installer:
    """Installs changes; blocking, called by the folder's one writer only."""

    def __init__(self, state: FolderState) -> None:
        self._state = state

    def bring(
        self,
        changes: Sequence[Change],
        objects: Objects,
        contents: Iterable[tuple[Key, bytes]],
        report: Report,
    ) -> list[Refusal]:
        """Make the objects and contents durable, then take the work tree from `old` to `new` of each change.

        A change whose two sides are equal puts content where its pointer stands. Raises OSError when the disk
        refuses as a whole; a path that can't be done alone is refused and leaves the others be.
        """
        small = self._wanted_ones(dict(contents), changes)
        refused: list[Refusal] = []
        changes = [c for c in changes if not self._is_left_out(c)]
        moving = [c for c in changes if c.old != c.new]
        steps = list(plan_install(moving, folds=self._state.work_tree.folds).steps())
        steps += [
            Replace(c.path, c.old, c.new) for c in changes if c.old is not None and c.old == c.new and c.new
        ]
        todo = iter(steps)
        first = True
        while (turn := list(islice(todo, AT_ONCE))) or first:
            with Batch(self._state.staging) as batch:
                pending = self._state.repo.objects.stage(objects if first else {}, batch)
                kept = self._stage_contents(small if first else {}, batch)
                staged = {step: self._stage(step, small, batch, report) for step in turn}
                batch.sync()  # I10
                pending.place()
                for content in kept:
                    self._state.store.put(content)
                report.stored += small if first else ()
                for step in turn:
                    refused += self._do(step, staged[step])
            first = False
        stays = {refusal.change.path for refusal in refused}
        more = [c for step in steps if (c := self._pointer_as_it_was(step)) and c.path not in stays]
        if more := more + _targets_of_unmoved(steps, refused):
            refused += self.bring(more, {}, (), report)
        return refused

    def _is_left_out(self, change: Change) -> bool:
        """Whether a file has no place here (sparse checkout); one that is there all the same keeps it."""
        if change.new is None or not self._state.sparse.leaves_out(change.path):
            return False
        try:
            identify(self._state.work_tree.root_fd, change.path)
        except Gone:
            return True
        return False

    def _wanted_ones(self, contents: dict[Key, bytes], changes: Sequence[Change]) -> dict[Key, bytes]:
        """Without those that came along and are not wanted here."""
        if not contents or self._state.wants_everything:
            return contents
        named = [(self._state.key_of(c.new), c.path) for c in changes if c.new is not None]
        wanted = {key for key, path in named if key and self._state.wants(key, path)}
        return {key: data for key, data in contents.items() if key in wanted}

    def _pointer_as_it_was(self, step: Step) -> Change | None:
        """A pointer file that only has another name or mode now: its content is to come there. # I7"""
        match step:
            case Move(_, path, entry):
                pass
            case Replace(path, old, entry) if old.oid == entry.oid and old.mode != entry.mode:
                pass
            case _:
                return None
        if entry.mode == MODE_LINK or not self._is_pointer(path):
            return None
        return Change(path, entry, entry)

    # -- aside --------------------------------------------------------------------------------------

    def _stage_contents(self, contents: dict[Key, bytes], batch: Batch) -> list[StagedContent]:
        store = self._state.store
        return [store.stage_key(key, data, batch) for key, data in contents.items() if not store.has(key)]

    def _stage(
        self, step: Step, small: dict[Key, bytes], batch: Batch, report: Report
    ) -> Staged | Refusal | None:
        """The file that a step puts in place, written aside; None if it needs none."""
        match step:
            case Create(path, new):
                old = None
            case Replace(path, old, new):
                if old.oid == new.oid and old.mode != new.mode and MODE_LINK not in (old.mode, new.mode):
                    return None
            case Remove() | Move() | Prune():
                return None
            case _:
                assert_never(step)
        if new.mode == MODE_GITLINK or (old == new and not self._is_pointer(path)):
            return None
        key = self._state.key_of(new)
        if old != new and self._already(path, new):
            if key is not None and (not self._state.store.has(key) or self._is_pointer(path)):  # I7
                report.wanted.setdefault(key, set()).add(path)
            return None
        if key is not None and new.mode != MODE_LINK:
            return self._stage_annexed(Change(path, old, new), new, key, small, batch, report)
        if key not in small:
            self._want(key, path, report)
        return self._stage_blob(new, batch)

    def _stage_annexed(  # noqa: PLR0911, PLR0917
        self, change: Change, new: Entry, key: Key, small: dict[Key, bytes], batch: Batch, report: Report
    ) -> Staged | Refusal | None:
        """The content if it is here; the pointer where that takes nothing away."""
        mode = 0o777 if new.mode == MODE_EXEC else 0o666
        if key in small:
            return batch.write(small[key], mode)
        if (aside := self._state.copies.take(key)) is not None:
            return batch.adopt(aside, mode)
        if (shared := self._share(key, mode, batch)) is not None:
            return shared
        if self._state.store.has(key) and not self._state.must_be_copied(key):
            with self._state.store.open(key) as file:
                return batch.copy(file.fileno(), mode)
        report.wanted.setdefault(key, set()).add(change.path)
        if change.old == new:
            return None
        if self._state.does_without(key, change.path):  # I7: policy says so
            return self._stage_blob(new, batch)
        if change.old is not None and not self._is_pointer(change.path):  # I7
            return Refusal(change, Cause.CONTENT, "its new content has not arrived")
        return self._stage_blob(new, batch)

    def _share(self, key: Key, mode: int, batch: Batch) -> Staged | None:
        """The object itself, under a second name: one file of the work tree may be it (annex.thin)."""
        path = self._state.store.sole_name(key) if self._state.settings.thin else None
        return batch.link_to(AT_FDCWD, path, mode) if path is not None else None

    def _want(self, key: Key | None, path: RelPath, report: Report) -> None:
        if key is not None and not self._state.store.has(key):
            report.wanted.setdefault(key, set()).add(path)

    def _stage_blob(self, entry: Entry, batch: Batch) -> Staged:
        assert not entry.is_tree, "a directory is no file"
        data = self._state.repo.objects.read(entry.oid).data
        if entry.mode == MODE_LINK:
            return batch.link(data)
        return batch.write(data, 0o777 if entry.mode == MODE_EXEC else 0o666)

    def _is_pointer(self, path: RelPath) -> bool:
        """Whether the file there has no content of its own to lose, be it open in some program or not."""
        try:
            seen = read_stable(self._state.work_tree.root_fd, path, limit=MAX_POINTER_BYTES, insist=True)
        except Gone:
            self._state.known.forget(path)  # when it is there again it says what it waits for
            return False
        except (NotCaptured, OSError):
            return False
        return key_of_pointer(seen.data) is not None

    def _already(self, path: RelPath, entry: Entry) -> bool:
        """Whether the file there is known to hold this version."""
        try:
            return recognised(self._state, path, entry) is not None
        except (Gone, OSError):
            return False

    # -- in place -----------------------------------------------------------------------------------

    def _do(self, step: Step, staged: Staged | Refusal | None) -> list[Refusal]:
        if isinstance(staged, Refusal):
            return [staged]
        try:
            self._carry_out(step, staged)
        except Refused as refused:
            if refused.reason is Reason.IS_DIRECTORY and self._clear_directory(refused.path):
                return self._do(step, staged)
            return self._refusals(step, refused)
        return []

    def _clear_directory(self, path: RelPath) -> bool:
        """Take away a directory that holds nothing but empty directories. False: it holds something."""
        root = self._state.work_tree.root
        below = os.walk(os.path.join(root, path), topdown=False)
        for directory, _, files in below:
            if files or not self._state.work_tree.prune(
                RelPath(os.path.relpath(directory, self._state.work_tree.root))
            ):
                return False
        return True

    def _carry_out(self, step: Step, staged: Staged | None) -> None:
        tree, known, since_ns = self._state.work_tree, self._state.known, time.time_ns()
        match step:
            case Remove(path, old):
                if old.mode != MODE_GITLINK:
                    self._remove(path, old)
            case Move(source, target, entry):
                if self._already(target, entry):
                    self._remove(source, entry)
                else:
                    identity = tree.move(source, target, self._base(source, entry))
                    self._note(target, identity, entry, since_ns)
                known.forget(source)
            case Prune(directory):
                tree.prune(directory)
            case Create(path, new):
                self._create(path, new, staged, since_ns)
            case Replace(path, old, new):
                if staged is not None:
                    identity = tree.replace(path, staged, self._base(path, old))
                    self._note(path, identity, new, since_ns)
                elif old.oid == new.oid and old.mode != new.mode:
                    identity = tree.chmod(path, new.mode == MODE_EXEC, self._base(path, old))
                    self._note(path, identity, new, since_ns)
            case _:
                assert_never(step)

    def _note(self, path: RelPath, identity: Identity, entry: Entry, since_ns: int) -> None:
        guess = self._state.work_tree.grain.hides(identity, since_ns, placed=True)
        self._state.known.note(path, identity, entry, guess=guess)

    def _create(self, path: RelPath, new: Entry, staged: Staged | None, since_ns: int) -> None:
        if new.mode == MODE_GITLINK:  # as git does: its repository is the person's to bring
            self._state.work_tree.make_directory(path)
        elif staged is not None:
            self._note(path, self._state.work_tree.create(path, staged), new, since_ns)

    def _remove(self, path: RelPath, old: Entry) -> None:
        self._state.known.forget(path)
        try:
            identify(self._state.work_tree.root_fd, path)
        except Gone:
            return
        self._state.work_tree.remove(path, self._base(path, old))

    def _base(self, path: RelPath, entry: Entry) -> Callable[[bytes, Identity], bool]:
        """Whether a file is what the merge had read at `path`."""

        def is_base(file: bytes, identity: Identity) -> bool:
            if identity.entry_mode != entry.mode:
                return False
            known = self._state.known.entry_of_content(path, identity)
            return known == entry if known is not None else holds(self._state, file, identity, entry)

        return is_base

    def _refusals(self, step: Step, refused: Refused) -> list[Refusal]:
        match step:
            case Remove(path, old):
                changes = [Change(path, old, None)]
            case Move(source, target, entry):
                changes = [Change(source, entry, None)]
                changes += [] if refused.path == source else [Change(target, None, entry)]
            case Create(path, new):
                changes = [Change(path, None, new)]
            case Replace(path, old, new):
                changes = [Change(path, old, new)]
            case Prune():
                changes = []
            case _:
                assert_never(step)
        edited = refused.reason in _EDITED
        return [Refusal(change, Cause.BLOCKED, str(refused), edited) for change in changes]


def _targets_of_unmoved(steps: Iterable[Step], refused: Iterable[Refusal]) -> list[Change]:
    """What should have come from a file that is being edited comes without it: else it would wait for a file
    that is none of its business any more."""
    stays = {refusal.change.path for refusal in refused}
    moves = [step for step in steps if isinstance(step, Move)] if stays else []
    return [
        Change(move.target, None, move.entry)
        for move in moves
        if move.source in stays and move.target not in stays
    ]
