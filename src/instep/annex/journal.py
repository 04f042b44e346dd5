"""git-annex's journal: whole new versions of files of its branch that are not committed yet.

A journal file hides the branch's version from every reader and replaces it when git-annex commits. Whoever
writes here or commits to the branch holds `journal.lck`, a POSIX record lock. Such a lock belongs to the
whole process and is lost when *any* descriptor of the file is closed: so there is one mutex for each lock
file in this process, and the file is open only while the mutex is held.
"""

import fcntl
import os
import re
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager

from instep.annex.errors import NotAnnexed
from instep.core.types import RelPath
from instep.fs.durable import Batch, Staged
from instep.git.sharing import Sharing

_mutexes: dict[bytes, threading.Lock] = {}
_mutexes_guard = threading.Lock()


def _mutex(path: bytes) -> threading.Lock:
    with _mutexes_guard:
        return _mutexes.setdefault(path, threading.Lock())


class Journal:
    """One repository's journal. Safe to use from several threads; changes only inside `locked`."""

    def __init__(self, annex_dir: bytes, sharing: Sharing) -> None:
        self._directory = annex_dir + b"/journal"
        self._lock_file = annex_dir + b"/journal.lck"
        self._sharing = sharing
        self._mutex = _mutex(os.path.realpath(self._lock_file))

    @contextmanager
    def locked(self) -> Generator[None]:
        """Holds git-annex's journal lock; waits for whoever has it. Raises NotAnnexed."""
        with self._mutex:
            try:
                fd = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            except FileNotFoundError:
                raise NotAnnexed(os.fsdecode(os.path.dirname(self._lock_file))) from None
            try:
                if self._sharing.is_shared and os.fstat(fd).st_uid == os.geteuid():
                    os.fchmod(fd, self._sharing.file_mode(0o666))
                fcntl.lockf(fd, fcntl.LOCK_EX)
                yield
            finally:
                os.close(fd)

    def read(self, path: RelPath) -> bytes | None:
        """The journalled version of a file of the branch; None if there is none."""
        try:
            with open(self._file(path), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def paths(self) -> frozenset[RelPath]:
        """The files of the branch that have a journalled version."""
        try:
            names = os.listdir(self._directory)
        except FileNotFoundError:
            return frozenset()
        return frozenset(path_of(name) for name in names)

    def stage(self, path: RelPath, data: bytes, batch: Batch) -> tuple[Staged, bytes]:
        """Writes a new version aside; `place` it once the batch is synced: git-annex would take a file that
        a power cut emptied for the new version."""
        staged = batch.write(data, 0o666)
        if self._sharing.is_shared:
            os.chmod(staged.name, self._sharing.file_mode(0o666), dir_fd=staged.dir_fd)
        return staged, self._file(path)

    def remove(self, paths: Iterable[RelPath]) -> None:
        """Forgets versions that the branch holds by now."""
        for path in paths:
            os.unlink(self._file(path))

    def _file(self, path: RelPath) -> bytes:
        return self._directory + b"/" + file_name(path)


def file_name(path: RelPath) -> bytes:
    """The name of the journal file for a file of the branch."""
    return path.replace(b"_", b"__").replace(b"/", b"_")


def path_of(name: bytes) -> RelPath:
    """The inverse of `file_name`, as git-annex reads it (no file of the branch has `/_` in its path)."""
    return RelPath(re.sub(rb"__?", lambda found: b"_" if len(found[0]) == 2 else b"/", name))
