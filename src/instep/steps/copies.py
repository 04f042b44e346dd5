"""Copies of large contents for the work tree, written aside before the folder's one writer wants them.

Copying a large file takes seconds, in which the writer would keep every small change waiting. So it only
renames: the copy is made while the content comes in, or beside, and is handed over here by key.
"""

import contextlib
import os
import shutil
import threading

from instep.annex.incoming import IncomingContent
from instep.annex.store import AnnexStore
from instep.core.keys import hash_of, new_hash
from instep.core.types import Key
from instep.fs.copying import cloned
from instep.fs.pour import Progress, pour

LARGE_BYTES = 8 << 20
"""Files from this size on are read, copied and put aside beside the folder's one writer."""

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Copies:
    """The copies that wait to be put in place. Safe to use from several threads; what is found at the start
    is junk."""

    def __init__(self, directory: bytes) -> None:
        self._directory = directory
        self._ready: dict[Key, bytes] = {}
        self._count = 0
        self._lock = threading.Lock()
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory, mode=0o700)
        self.are_instant = _clones(directory)
        """The file system shares blocks: nothing needs to be copied beforehand."""

    def make(self, key: Key, store: AnnexStore, progress: Progress) -> bool:
        """Copies a content that is here, verifying it; False: it is not the key's. Takes long."""
        with store.open(key) as source:
            path = self._new_path()
            fd = os.open(path, _NEW, 0o666)
            try:
                known = hash_of(key)
                hasher = new_hash(known[0]) if known is not None else None
                pour(source.fileno(), [] if hasher is None else [hasher], (fd,), progress=progress)
                good = hasher is None or known is None or hasher.hexdigest() == known[1]
                if good:
                    os.fsync(fd)  # I10
                    self._keep(key, path)
                    path = None
            finally:
                os.close(fd)
                if path is not None:
                    os.unlink(path)
        return good

    def adopt(self, incoming: IncomingContent) -> None:
        """Takes what came in for the annex, which is to be had once more for that. Raises OSError; then the
        annex has it still."""
        path = self._new_path()
        incoming.give_away(path)
        self._keep(incoming.key, path)

    def _new_path(self) -> bytes:
        with self._lock:
            self._count += 1
            return b"%s/%d" % (self._directory, self._count)

    def _keep(self, key: Key, path: bytes) -> None:
        """A copy is complete, verified and durable."""
        with self._lock:
            old = self._ready.pop(key, None)
            self._ready[key] = path
        if old is not None:
            os.unlink(old)

    def has(self, key: Key) -> bool:
        return key in self._ready

    def take(self, key: Key) -> bytes | None:
        """The copy, which is the caller's from now on."""
        with self._lock:
            return self._ready.pop(key, None)

    @property
    def keys(self) -> frozenset[Key]:
        return frozenset(self._ready)

    def discard(self, keys: frozenset[Key]) -> None:
        """Nobody wants these any more."""
        for key in keys:
            if (path := self.take(key)) is not None:
                os.unlink(path)


def _clones(directory: bytes) -> bool:
    """Whether the file system can share blocks between two files, found by trying."""
    one, two = directory + b"/one", directory + b"/two"
    with contextlib.ExitStack() as opened:
        fds: list[int] = []
        for path in (one, two):
            fds.append(os.open(path, _NEW, 0o600))
            opened.callback(os.unlink, path)
            opened.callback(os.close, fds[-1])
        os.write(fds[0], bytes(4096))
        return cloned(fds[1], fds[0])
