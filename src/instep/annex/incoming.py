"""Content that is coming in: git-annex's own partial file for a key, verified before it is the key's.

`.git/annex/tmp/KEYFILE` is where git-annex keeps a partial download, too: its length is where to go on.
Whoever writes to it holds the lock `.git/annex/transfer/download/lck/lck.KEYFILE`, a POSIX record lock, which
belongs to the whole process, so what this process has open is kept here as well.
"""

import errno
import fcntl
import os
import threading
from contextlib import suppress

from instep.core.keys import hash_of, key_file, new_hash, size_of
from instep.core.types import Key
from instep.fs import syscalls
from instep.fs.crash import Point, passed
from instep.fs.pour import Progress, pour

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK_BYTES = 4096
_ZEROS = bytes(1 << 20)
EARLY_BYTES = 8 << 20
"""What was written is handed to the disk after so many bytes, so that there is little left to wait for."""

_open: set[bytes] = set()
_guard = threading.Lock()


class TakenInElsewhere(Exception):
    """git-annex, or another program, is downloading this key at the moment."""


class IncomingContent:
    """One key's partial file. For one thread at a time. OSError as from open and write (ENOSPC)."""

    def __init__(self, annex_dir: bytes, key: Key) -> None:
        self.key = key
        self.path = annex_dir + b"/tmp/" + key_file(key)
        self.offset = 0
        """How much is here, and has gone through the hash."""
        known = hash_of(key)
        self._expected = known[1] if known else None
        self._hash = new_hash(known[0]) if known else None
        self._early = 0
        self._fd = -1
        self._lock_file = annex_dir + b"/transfer/download/lck/lck." + key_file(key)
        with _guard:
            if self.path in _open:
                raise TakenInElsewhere(self.path)
            self._lock = _locked(self._lock_file)
            _open.add(self.path)
        try:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            self._fd = os.open(self.path, _FLAGS, 0o666)
        except BaseException:
            self._unlock()
            raise

    @property
    def size_bytes(self) -> int:
        """How long the partial file is, resumed or not."""
        return os.fstat(self._fd).st_size

    def resume(self, progress: Progress | None = None) -> None:
        """Hashes what an earlier try left, and goes on after it. Blocks as long as that takes."""
        hashers = [self._hash] if self._hash is not None else []
        self.offset = pour(self._fd, hashers, progress=progress)
        if (size := size_of(self.key)) is not None and self.offset > size:
            self._start_again()

    def _start_again(self) -> None:
        os.truncate(self._fd, 0)
        known = hash_of(self.key)
        self._hash = new_hash(known[0]) if known else None
        self.offset = self._early = 0

    def write(self, data: bytes) -> None:
        """Takes the next bytes. Zeros on whole blocks become a hole."""
        if self._hash is not None:
            self._hash.update(data)
        if len(data) < _BLOCK_BYTES or data != _ZEROS[: len(data)]:
            view, at = memoryview(data), self.offset
            while view:
                count = os.pwrite(self._fd, view, at)
                view, at = view[count:], at + count
        self.offset += len(data)
        passed(Point.PIECE_WRITTEN)
        if self.offset - self._early >= EARLY_BYTES:
            self._early = self.offset
            with suppress(OSError):  # only a hint
                syscalls.write_out(self._fd, wait=False)

    def copy_rest(self, source_fd: int, progress: Progress | None = None) -> None:
        """Takes the rest from an open file."""

        def written(done_bytes: int) -> None:
            passed(Point.PIECE_WRITTEN)
            if progress is not None:
                progress(done_bytes)

        hashers = [self._hash] if self._hash is not None else []
        self.offset = pour(source_fd, hashers, (self._fd,), offset=self.offset, progress=written)

    @property
    def is_the_keys(self) -> bool:
        """Whether what is here is all of the key's content, as far as the key can tell. # I11"""
        good = size_of(self.key) in (None, self.offset)
        return good and (self._hash is None or self._hash.hexdigest() == self._expected)

    def discard(self) -> None:
        """What came is no good: the next try begins anew."""
        self._start_again()

    def give_away(self, path: bytes) -> None:
        """All is here, and the key's: makes it durable (I10), moves it to `path`, and begins anew. OSError
        (EXDEV); then it is here still."""
        self._complete()
        os.rename(self.path, path)
        try:
            fd = os.open(self.path, _FLAGS, 0o666)
        except OSError:
            os.rename(path, self.path)
            raise
        os.close(self._fd)
        self._fd = fd
        self._start_again()
        passed(Point.GIVEN_AWAY)

    def finish(self) -> bool:
        """All is here: makes it durable (I10). False, and the file is gone, if it is not the key's. # I11"""
        if not self.is_the_keys:
            os.unlink(self.path)
            return False
        self._complete()
        passed(Point.DOWNLOADED)
        return True

    def _complete(self) -> None:
        if self.size_bytes != self.offset:
            os.truncate(self._fd, self.offset)  # it ends in a hole
        os.fsync(self._fd)

    def close(self) -> None:
        """Lets go of it; what came stays, for the next try. Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self._unlock()

    def _unlock(self) -> None:
        with _guard:
            with suppress(OSError):
                os.unlink(self._lock_file)
            os.close(self._lock)
            _open.discard(self.path)


def drop_partial(annex_dir: bytes, key: Key) -> None:
    """Removes what an earlier try left of content that is here now, unless somebody is at it."""
    with suppress(FileNotFoundError, TakenInElsewhere):
        os.stat(annex_dir + b"/tmp/" + key_file(key))
        incoming = IncomingContent(annex_dir, key)
        try:
            os.unlink(incoming.path)
        finally:
            incoming.close()


def _locked(path: bytes) -> int:
    """The open lock file, locked. Raises TakenInElsewhere. Whoever is done removes it, so the one that was
    locked may be no more."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    while True:
        fd = os.open(path, _FLAGS, 0o666)
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(fd), os.stat(path)):
                return fd
            os.close(fd)
        except FileNotFoundError:
            os.close(fd)
        except OSError as error:
            os.close(fd)
            if error.errno in (errno.EAGAIN, errno.EACCES):
                raise TakenInElsewhere(path) from error
            raise
