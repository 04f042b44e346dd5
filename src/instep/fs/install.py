"""The only way in which instep changes a work tree: file by file, so that no edit is lost.

A new name is given with NOREPLACE. A changed file is exchanged with the one that stands there, and what was
displaced is then looked at where nobody else can reach it by name: if it is not what the merge had read, or
some program has it open for writing, it goes back (I5); else it is kept a while and looked at once more
(see `displaced`). Looking first and renaming then would lose edits that fall in between, up to one in ten.
At every instant, SIGKILL or not, a path holds its whole old or its whole new content (I6).

Whatever is put in place was staged in a durable.Batch on the same file system and synced before.
"""

import contextlib
import os
import stat
import time
from collections.abc import Callable

from instep.core.types import RelPath
from instep.fs import lease, syscalls
from instep.fs.beneath import Parent
from instep.fs.crash import Point, passed
from instep.fs.displaced import Displaced, Rescued
from instep.fs.durable import Staged
from instep.fs.exchange import exchange
from instep.fs.grain import Grain
from instep.fs.identity import Identity
from instep.fs.lease import Writers
from instep.fs.refused import Reason, Refused, Refusing
from instep.fs.spelling import FoldingRoot, OtherwiseSpelt, check_name, root_of

__all__ = ["IsBase", "Reason", "Refused", "Rescued", "WorkTree"]

IsBase = Callable[[bytes, Identity], bool]
"""`is_base(file, identity)`: whether the file has the content and mode that the merge had read.

`file` can be opened (or, when identity says that it is a link, be read with readlink) during the call only.
It may answer from the identity without reading. It is asked before and after the file was displaced.
"""

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class WorkTree:
    """One folder's files. For one thread at a time.

    Every method that changes something raises Refused when that one path can't be changed, having left what
    stood there (a file that had to be put back may have been away for microseconds), and OSError (EIO,
    EMFILE) when more than that is wrong. The Identity returned is that of what was put in place, or, if
    somebody changed that at once, one that matches nothing: what was put there is known by it, what others
    did is not (I4).
    """

    def __init__(self, root: bytes, private: bytes, clock: Callable[[], float] = time.monotonic) -> None:
        self.root = root
        self._displaced = Displaced(private + b"/displaced", clock)
        self.grain = Grain.measure(private)
        fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self.root_fd = root_of(fd, private)
        self.folds = isinstance(self.root_fd, FoldingRoot)
        """Whether the disk takes several names for one."""

    def close(self) -> None:
        """Idempotent. What was displaced and not settled is a leftover for the next start."""
        self._displaced.close()
        if self.root_fd >= 0:
            os.close(self.root_fd)
            self.root_fd = -1

    def create(self, path: RelPath, staged: Staged) -> Identity:
        """Gives the staged file a new name, making directories as needed. Refused leaves it staged."""
        with Refusing(path), self._parent(path, make=True) as (dir_fd, name):
            try:
                staged.place(name, dir_fd=dir_fd, replace=False)  # I24: not over what only the disk calls so
            except FileExistsError:
                raise Refused(path, self._what_stands(dir_fd, name)) from None
            passed(Point.CREATED)
            return _stands(dir_fd, name, staged.identity)

    def replace(self, path: RelPath, staged: Staged, is_base: IsBase) -> Identity:
        """Puts the staged file where the base is (I5). It takes over the permissions but for executability.

        The staged file is used up, whether Refused or not.
        """
        with Refusing(path), self._parent(path) as (dir_fd, name):
            self._examine(path, dir_fd, name, is_base)
            _inherit(staged, dir_fd, name)
            aside = self._displaced.reserve(path)
            staged.place(aside, dir_fd=self._displaced.fd)
            passed(Point.EXCHANGING)
            try:
                exchange(self._displaced.fd, aside, dir_fd, name)
            except OSError:
                self._displaced.drop(aside)
                raise
            passed(Point.EXCHANGED)
            try:
                base = self._examine_displaced(path, aside, is_base)
            except BaseException:
                self._put_back(path, aside, dir_fd, name, staged.identity)
                raise
            self._keep(path, aside, base, is_base)
            return _stands(dir_fd, name, staged.identity)

    def remove(self, path: RelPath, is_base: IsBase) -> None:
        """Takes the base away (I5)."""
        with Refusing(path), self._parent(path) as (dir_fd, name):
            self._examine(path, dir_fd, name, is_base)
            aside = self._displaced.reserve(path)
            os.rename(name, aside, src_dir_fd=dir_fd, dst_dir_fd=self._displaced.fd)
            passed(Point.REMOVED)
            try:
                base = self._examine_displaced(path, aside, is_base)
            except BaseException:
                self._give_back(path, aside, dir_fd, name)
                raise
            self._keep(path, aside, base, is_base)

    def move(self, source: RelPath, target: RelPath, is_base: IsBase) -> Identity:
        """Renames the base to a new name, making directories as needed (I5)."""
        with Refusing(source), self._parent(source) as (from_fd, old):
            self._examine(source, from_fd, old, is_base)
            with Refusing(target), self._parent(target, make=True) as (to_fd, new):
                try:
                    syscalls.rename_noreplace(from_fd, old, to_fd, new)
                except FileExistsError:
                    raise Refused(target, self._what_stands(to_fd, new)) from None
                passed(Point.MOVED)
                try:
                    return self._examine(target, to_fd, new, is_base)
                except BaseException:
                    with contextlib.suppress(OSError):  # else it stays whole under its new name
                        syscalls.rename_noreplace(to_fd, new, from_fd, old)
                    raise

    def chmod(self, path: RelPath, executable: bool, is_base: IsBase) -> Identity:
        """Makes the base executable for all who can read it, or for nobody."""
        with Refusing(path), self._parent(path) as (dir_fd, name):
            before = self._examine(path, dir_fd, name, is_base)
            fd = os.open(name, _READ, dir_fd=dir_fd)
            try:
                if not Identity.of(os.fstat(fd)).same_content_as(before) or not before.is_regular:
                    raise Refused(path, Reason.CHANGED)
                os.fchmod(fd, _with_executability(before.mode, executable))
                passed(Point.CHMODED)
                after = Identity.of(os.fstat(fd))
                return after if after.same_content_as(before) else before
            finally:
                os.close(fd)

    def prune(self, directory: RelPath) -> bool:
        """Removes one directory if it is empty; False: it stays. The root always stays."""
        if not directory:
            return False
        try:
            with Parent(self.root_fd, directory) as (dir_fd, name):
                os.rmdir(name, dir_fd=dir_fd)
        except OSError:
            return False
        return True

    def prune_empty_dirs(self, path: RelPath) -> None:
        """Removes the directories above `path` that are empty, from the innermost on."""
        directory = RelPath(path.rpartition(b"/")[0])
        while directory and self.prune(directory):
            directory = RelPath(directory.rpartition(b"/")[0])

    @property
    def settle_due_s(self) -> float | None:
        """When to call settle, by the clock; None: nothing was displaced."""
        return self._displaced.due_s

    def settle(self) -> list[Rescued]:
        """Deletes what was displaced 0.3 s ago and did not change; the rest the caller must keep (I1)."""
        return self._displaced.settle()

    def leftovers(self) -> list[Rescued]:
        """For start-up: what an earlier process displaced and did not settle (see Displaced.leftovers)."""
        return self._displaced.leftovers()

    def discard_leftover(self, file: bytes) -> None:
        """Deletes one whose content is known to the history, or that was copied elsewhere."""
        self._displaced.drop(os.path.basename(file))

    def _parent(self, path: RelPath, *, make: bool = False) -> Parent:
        try:
            return Parent(self.root_fd, path)
        except FileNotFoundError:
            if not make:
                raise
        self.make_directory(RelPath(path.rpartition(b"/")[0]))
        try:
            return Parent(self.root_fd, path)
        except OtherwiseSpelt:
            raise Refused(path, Reason.NAME_TAKEN) from None  # I24: not among what is another's

    def _what_stands(self, dir_fd: int, name: bytes) -> Reason:
        there = os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode
        try:
            check_name(self.root_fd, dir_fd, name)
        except OtherwiseSpelt:
            return Reason.NAME_TAKEN  # I24
        return Reason.IS_DIRECTORY if stat.S_ISDIR(there) else Reason.EXISTS

    def make_directory(self, directory: RelPath) -> None:
        """An empty directory, and those above it; what stands there is let be."""
        try:
            with self._parent(directory, make=True) as (dir_fd, name):
                os.mkdir(name, dir_fd=dir_fd)
        except FileExistsError:
            pass

    def _examine(self, path: RelPath, dir_fd: int, name: bytes, is_base: IsBase) -> Identity:
        """Refused unless the base stands there and nobody writes it; holds up nobody."""
        check_name(self.root_fd, dir_fd, name)
        return _examine(path, dir_fd, name, os.path.join(self.root, path), is_base, hold=False)

    def _examine_displaced(self, path: RelPath, aside: bytes, is_base: IsBase) -> Identity:
        displaced = self._displaced
        return _examine(path, displaced.fd, aside, displaced.file(aside), is_base, hold=True)

    def _keep(self, path: RelPath, aside: bytes, base: Identity, is_base: IsBase) -> None:
        is_proof = not self.grain.hides(base, time.time_ns(), placed=True)
        self._displaced.keep(path, aside, base, None if is_proof else is_base)

    def _put_back(self, path: RelPath, aside: bytes, dir_fd: int, name: bytes, ours: Identity | None) -> None:
        """Exchanges again; what comes out is ours, or else an edit made in these microseconds, to be kept."""
        try:
            exchange(self._displaced.fd, aside, dir_fd, name)
        except FileNotFoundError:  # somebody deleted ours
            self._give_back(path, aside, dir_fd, name)
            return
        except BaseException:
            self._displaced.keep(path, aside, None)
            raise
        if stat.S_ISDIR(os.stat(aside, dir_fd=self._displaced.fd, follow_symlinks=False).st_mode):
            exchange(self._displaced.fd, aside, dir_fd, name)  # a directory keeps the name
            ours = None
        self._displaced.keep(path, aside, ours)

    def _give_back(self, path: RelPath, aside: bytes, dir_fd: int, name: bytes) -> None:
        try:
            syscalls.rename_noreplace(self._displaced.fd, aside, dir_fd, name)
        except OSError:
            self._displaced.keep(path, aside, None)
        else:
            self._displaced.drop(aside)


def _examine(
    path: RelPath, dir_fd: int, name: bytes, file: bytes, is_base: IsBase, *, hold: bool
) -> Identity:
    """Refused unless it is the base. With `hold`, nobody can begin to write while that is found out."""
    identity = Identity.of(os.stat(name, dir_fd=dir_fd, follow_symlinks=False))
    if identity.is_directory:
        raise Refused(path, Reason.IS_DIRECTORY)
    if identity.is_link and is_base(file, identity):
        return identity
    if not identity.is_regular:
        raise Refused(path, Reason.CHANGED)
    fd = os.open(name, _READ, dir_fd=dir_fd)
    try:
        if (lease.take(fd) if hold else lease.writer_state(fd)) is Writers.OPEN:
            raise Refused(path, Reason.OPEN)
        identity = Identity.of(os.fstat(fd))
        if not is_base(b"/proc/self/fd/%d" % fd, identity):
            raise Refused(path, Reason.CHANGED)
        return identity
    finally:
        os.close(fd)  # ends the lease


def _stands(dir_fd: int, name: bytes, expected: Identity | None) -> Identity:
    """The identity of what was just put in place, if it is that still. # I4"""
    assert expected is not None, "staged and not finished"
    try:
        now = Identity.of(os.stat(name, dir_fd=dir_fd, follow_symlinks=False))
    except FileNotFoundError:
        return expected
    return now if now.same_content_as(expected) and now.mode == expected.mode else expected


def _with_executability(mode: int, executable: bool) -> int:
    permissions = stat.S_IMODE(mode) & 0o666
    return permissions | (permissions & 0o444) >> 2 if executable else permissions


def _inherit(staged: Staged, dir_fd: int, name: bytes) -> None:
    """Gives the staged file the permissions, and if we may the owner, of the file that it is to replace."""
    assert staged.identity is not None, "staged and not finished"
    old = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    if not stat.S_ISREG(old.st_mode) or not staged.identity.is_regular:
        return
    new = os.stat(staged.name, dir_fd=staged.dir_fd, follow_symlinks=False)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid) and os.geteuid() == 0:
        os.chown(staged.name, old.st_uid, old.st_gid, dir_fd=staged.dir_fd, follow_symlinks=False)
    mode = _with_executability(old.st_mode, bool(new.st_mode & stat.S_IXUSR))
    if mode != stat.S_IMODE(new.st_mode):
        os.chmod(staged.name, mode, dir_fd=staged.dir_fd)
        staged.identity = staged.identity._replace(mode=stat.S_IFREG | mode)
