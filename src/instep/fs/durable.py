"""Writing many files so that all are durable before anything names them (I10), at the price of one fsync.

The idea is that of git's `core.fsyncMethod=batch`: every file's pages are handed to the device and waited
for, then one fsync makes the device and the journal keep them all. That one fsync is of a new empty file: its
creation is younger in the journal than whatever the write-outs entered there (block allocations, sizes,
extents made valid), and ext4 and xfs commit their journal in order. Elsewhere (btrfs logs each file by
itself) a few files get an fsync each and many one syncfs.

Names become durable in the same order: on an ordered file system, a rename is durable once anything that was
changed after it on the same file system is (a ref that is written with fsync); see Batch.sync_names.
"""

import contextlib
import errno
import itertools
import os
import secrets
import stat
from collections.abc import Sequence

from instep.fs import syscalls
from instep.fs.copying import copy_content, write_all
from instep.fs.crash import Point, passed
from instep.fs.identity import Identity

MANY = 500
"""From here on one syncfs is cheaper than a write-out of each."""

_FEW = 8  # on unordered file systems: up to here an fsync each
_OPEN_AT_ONCE = 64
_ORDERED = frozenset({0xEF53, 0x58465342, 0x01021994})  # ext4, xfs; tmpfs has nothing to keep
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_UNSUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ESPIPE})


def make_directory(directory: bytes) -> None:
    """A private one, unless it is there; none above it: where a folder was, nothing is made anew. # I2"""
    with contextlib.suppress(FileExistsError):
        os.mkdir(directory, 0o700)


class Staged:
    """A file that has no name yet that anyone looks at. Made by a Batch."""

    __slots__ = ("batch", "fd", "identity", "name", "placed")

    def __init__(self, batch: "Batch", name: bytes) -> None:
        self.batch = batch
        self.name = name
        """Its name in the staging directory."""
        self.identity: Identity | None = None
        """None until it is finished."""
        self.fd = -1
        """Open for reading and writing between Batch.begin and finish."""
        self.placed = False

    @property
    def path(self) -> bytes:
        return self.batch.directory + b"/" + self.name

    @property
    def dir_fd(self) -> int:
        """Of the directory in which `name` is."""
        return self.batch.dir_fd

    def finish(self) -> "Staged":
        """Closes a file that was begun; its content is complete."""
        self.identity = Identity.of(os.fstat(self.fd))
        os.close(self.fd)
        self.fd = -1
        passed(Point.ASIDE)
        return self

    def place(self, target: bytes, *, dir_fd: int | None = None, replace: bool = True) -> None:
        """Renames it to `target`, relative to `dir_fd` if given. For I10, Batch.sync comes before.

        Without `replace` raises FileExistsError when something stands there; it can then be placed elsewhere.
        """
        if replace:
            os.rename(self.name, target, src_dir_fd=self.dir_fd, dst_dir_fd=dir_fd)
        else:
            at = syscalls.AT_FDCWD if dir_fd is None else dir_fd
            syscalls.rename_noreplace(self.dir_fd, self.name, at, target)
        self.batch.release(self)

    def discard(self) -> None:
        """Removes it, unless it was placed. Idempotent."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        if not self.placed:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.name, dir_fd=self.dir_fd)
            self.batch.release(self)


class Batch:
    """Files that are staged, made durable and placed together. Not for several threads at once.

    `directory` is private to instep, exists (or is made, 0700) and lies on the file system of the targets;
    what is found in it at start-up is junk. Permission bits are subject to the umask, as in open(2).
    OSError (ENOSPC, EDQUOT, EIO) from any method: nothing was placed by it; close() cleans up.
    """

    def __init__(self, directory: bytes) -> None:
        make_directory(directory)
        self.directory = directory
        self.dir_fd = os.open(directory, _DIRECTORY)
        self.ordered = syscalls.filesystem_magic(self.dir_fd) in _ORDERED
        """The file system's journal keeps the order of what happens: ext4, xfs."""
        self._prefix = secrets.token_hex(5).encode()
        self._count = itertools.count()
        self._staged: dict[bytes, Staged] = {}
        self._unsynced: list[Staged] = []
        self._unsynced_names = False

    def __enter__(self) -> "Batch":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, mode: int = 0o666) -> Staged:
        """Stages an empty file whose `fd` the caller writes to; Staged.finish ends that."""
        staged = self._new()
        staged.fd = os.open(staged.name, _NEW, mode, dir_fd=self.dir_fd)
        return self._keep(staged)

    def write(self, data: bytes, mode: int = 0o666) -> Staged:
        """Stages a regular file with this content."""
        staged = self.begin(mode)
        try:
            written = os.write(staged.fd, data)
            if written != len(data):
                write_all(staged.fd, memoryview(data)[written:])
            return staged.finish()
        except BaseException:
            staged.discard()
            raise

    def copy(self, source_fd: int, mode: int = 0o666) -> Staged:
        """Stages a copy of an open file, sharing its blocks where the file system can."""
        staged = self.begin(mode)
        try:
            copy_content(source_fd, staged.fd)
            return staged.finish()
        except BaseException:
            staged.discard()
            raise

    def link(self, target: bytes) -> Staged:
        """Stages a symbolic link. (Its target is part of its creation: nothing to write out.)"""
        staged = self._new()
        os.symlink(target, staged.name, dir_fd=self.dir_fd)
        staged.identity = Identity.of(os.stat(staged.name, dir_fd=self.dir_fd, follow_symlinks=False))
        self._staged[staged.name] = staged
        return staged

    def share(self, path: bytes) -> Staged:
        """Stages a second name of a closed regular file on the same file system; the first one stays."""
        staged = self._new()
        try:
            os.link(path, staged.name, dst_dir_fd=self.dir_fd, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _UNSUPPORTED | {errno.EPERM, errno.EMLINK}:
                raise
            with open(path, "rb") as file:  # a file system without hard links
                return self.copy(file.fileno(), stat.S_IMODE(os.fstat(file.fileno()).st_mode))
        staged.identity = Identity.of(os.stat(staged.name, dir_fd=self.dir_fd, follow_symlinks=False))
        return self._keep(staged)

    def link_to(self, dir_fd: int, name: bytes, mode: int | None = None) -> Staged | None:
        """Stages a second name of a regular file, given this mode (subject to the umask); None where the file
        system can't do that."""
        staged = self._new()
        try:
            os.link(name, staged.name, src_dir_fd=dir_fd, dst_dir_fd=self.dir_fd, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _UNSUPPORTED | {errno.EPERM, errno.EMLINK, errno.EXDEV}:
                raise
            return None
        if mode is not None:
            os.chmod(staged.name, mode & ~_umask(), dir_fd=self.dir_fd)
        staged.identity = Identity.of(os.stat(staged.name, dir_fd=self.dir_fd, follow_symlinks=False))
        return self._keep(staged)

    def adopt(self, path: bytes, mode: int = 0o666) -> Staged:
        """Takes over a closed regular file on the same file system (EXDEV otherwise) by renaming it. With an
        executable `mode` it becomes so, for whoever may read it."""
        staged = self._new()
        os.rename(path, staged.name, dst_dir_fd=self.dir_fd)
        if mode & 0o100:
            given = os.stat(staged.name, dir_fd=self.dir_fd, follow_symlinks=False).st_mode & 0o777
            os.chmod(staged.name, given | (given & 0o444) >> 2, dir_fd=self.dir_fd)
        staged.identity = Identity.of(os.stat(staged.name, dir_fd=self.dir_fd, follow_symlinks=False))
        return self._keep(staged)

    def sync(self) -> None:
        """Returns when the content of everything staged and not yet placed is durable. # I10

        Everything staged must be finished.
        """
        files = [staged for staged in self._unsynced if not staged.placed]
        if len(files) >= MANY or (not self.ordered and len(files) > _FEW):
            syscalls.syncfs(self.dir_fd)
        elif len(files) == 1 or not self.ordered:
            for staged in files:
                self._fsync(staged)
        elif files:
            for start in range(0, len(files), _OPEN_AT_ONCE):
                self._write_out(files[start : start + _OPEN_AT_ONCE])
            self._commit_journal()
        self._unsynced.clear()
        passed(Point.SYNCED)

    def sync_names(self) -> None:
        """Returns when the names given since the last call are durable too.

        Needed before a copy is acknowledged (I10). Not needed when `ordered` and a ref on the same file
        system is written durably next: that makes all earlier names durable.
        """
        if self._unsynced_names:
            if self.ordered:
                self._commit_journal()
            else:
                syscalls.syncfs(self.dir_fd)
        self._unsynced_names = False
        passed(Point.NAMES_SYNCED)

    def close(self) -> None:
        """Removes what was not placed. Idempotent."""
        if self.dir_fd >= 0:
            for staged in list(self._staged.values()):
                staged.discard()
            os.close(self.dir_fd)
            self.dir_fd = -1

    def release(self, staged: Staged) -> None:
        """Its file is no longer in the staging directory: it was renamed away or removed."""
        staged.placed = True
        self._staged.pop(staged.name, None)
        self._unsynced_names = True

    def _new(self) -> Staged:
        return Staged(self, b"%s-%x" % (self._prefix, next(self._count)))

    def _keep(self, staged: Staged) -> Staged:
        self._staged[staged.name] = staged
        self._unsynced.append(staged)
        return staged

    def _open(self, staged: Staged) -> int:
        return os.open(staged.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.dir_fd)

    def _fsync(self, staged: Staged) -> None:
        fd = self._open(staged)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def _write_out(self, files: Sequence[Staged]) -> None:
        """All together, or as many as can be open at once. # I26"""
        try:
            self._write_out_together(files)
        except OSError as error:
            if error.errno != errno.EMFILE or len(files) == 1:
                raise
            half = len(files) // 2
            self._write_out(files[:half])
            self._write_out(files[half:])

    def _write_out_together(self, files: Sequence[Staged]) -> None:
        """Starts them all, then waits for each; the device may hold them in its cache still."""
        with contextlib.ExitStack() as opened:
            fds: list[int] = []
            for staged in files:
                fd = self._open(staged)
                opened.callback(os.close, fd)
                fds.append(fd)
            try:
                for fd in fds:
                    syscalls.write_out(fd, wait=False)
                for fd in fds:
                    syscalls.write_out(fd, wait=True)
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
                for fd in fds:
                    os.fsync(fd)

    def _commit_journal(self) -> None:
        """One fsync of something that is younger than all before; flushes the device's cache as well."""
        name = b"%s-%x" % (self._prefix, next(self._count))
        fd = os.open(name, _NEW, 0o600, dir_fd=self.dir_fd)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
            os.unlink(name, dir_fd=self.dir_fd)


def sync_path(path: bytes) -> None:
    """Makes one file, or the names in one directory, durable, whoever wrote them. # I10"""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _umask() -> int:
    """This process's umask, without changing it for a moment as umask(2) would."""
    with open("/proc/self/status", encoding="ascii") as file:
        found = next((line for line in file if line.startswith("Umask:")), "Umask: 0022")
    return int(found.split()[1], 8)
