"""Files that were taken out of the work tree, kept until it is sure that nobody still writes to them.

A program may have found the old file by its name an instant before that name was given away, and write to it
an instant later. So what was displaced stays for KEEP_S, and is then looked at once more: unchanged, it is
deleted; changed, it is handed to the caller, who keeps it as a variant (I1). After a crash whatever lies here
may be somebody's only copy, and its name says where it was.
"""

import contextlib
import itertools
import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from instep.core.types import RelPath
from instep.fs import lease
from instep.fs.crash import Point, passed
from instep.fs.durable import make_directory
from instep.fs.identity import Identity
from instep.fs.lease import Writers

KEEP_S = 0.3
KEEP_UNKNOWN_S = 2.0
"""Where the kernel does not say who writes: somebody else's file."""

_NAME_MAX = 255
_PATH_SUFFIX = b".path"
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class Rescued(NamedTuple):
    """A file that was at `path` and holds what nothing else may hold. The caller moves or deletes it."""

    path: RelPath | None
    """None: a crash lost it (it had not fitted into the file's name)."""
    file: bytes
    """Absolute."""


@dataclass(slots=True)
class _Kept:
    path: RelPath
    identity: Identity | None
    """None: to be handed over whatever it holds."""
    since_s: float
    due_s: float
    holds: Callable[[bytes, Identity], bool] | None
    """Reads it, where its identity does not prove that nobody wrote to it (`fs.grain`)."""


class Displaced:
    """The directory of displaced files. `clock` counts seconds and never goes back."""

    def __init__(self, directory: bytes, clock: Callable[[], float]) -> None:
        make_directory(directory)
        self.directory = directory
        self.fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._clock = clock
        self._prefix = secrets.token_hex(4).encode()
        self._count = itertools.count()
        self._kept: dict[bytes, _Kept] = {}

    def close(self) -> None:
        """What is kept stays, for the next start to find. Idempotent."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def reserve(self, path: RelPath) -> bytes:
        """A free name here that tells where the file was."""
        ident = b"%s-%x" % (self._prefix, next(self._count))
        name = ident + b"~" + path.replace(b"%", b"%25").replace(b"/", b"%2F")
        if len(name) <= _NAME_MAX:
            return name
        fd = os.open(ident + _PATH_SUFFIX, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600, dir_fd=self.fd)
        try:
            os.write(fd, path)
        finally:
            os.close(fd)
        return ident

    def file(self, name: bytes) -> bytes:
        """Its absolute path."""
        return self.directory + b"/" + name

    def keep(
        self,
        path: RelPath,
        name: bytes,
        identity: Identity | None,
        holds: Callable[[bytes, Identity], bool] | None = None,
    ) -> None:
        """Keeps it for a while; then it is deleted if it has the content of `identity` still, and `holds`,
        asked about the file, says so too."""
        now = self._clock()
        self._kept[name] = _Kept(path, identity, now, now if identity is None else now + KEEP_S, holds)

    def drop(self, name: bytes) -> None:
        """Deletes a file, and what tells its path."""
        self._kept.pop(name, None)
        for victim in (name,) if b"~" in name else (name, name + _PATH_SUFFIX):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(victim, dir_fd=self.fd)

    @property
    def due_s(self) -> float | None:
        """When `settle` has something to do, by the clock; None: nothing is kept."""
        return min((kept.due_s for kept in self._kept.values()), default=None)

    def settle(self) -> list[Rescued]:
        """Looks again at those whose time is up: deletes the unchanged, hands over the changed."""
        rescued: list[Rescued] = []
        now = self._clock()
        due = [(name, kept) for name, kept in self._kept.items() if kept.due_s <= now]
        for name, kept in due:
            try:
                unchanged = self._unchanged(name, kept, now)
            except FileNotFoundError:
                unchanged = True
            if unchanged is None:
                kept.due_s = now + KEEP_S
            elif unchanged:
                self.drop(name)
                passed(Point.SETTLED)
            else:
                del self._kept[name]
                rescued.append(Rescued(kept.path, self.file(name)))
        return rescued

    def _unchanged(self, name: bytes, kept: _Kept, now: float) -> bool | None:
        """None: not known yet."""
        if kept.identity is None:
            return False
        writers = self._writers(name)
        if writers is Writers.OPEN or (writers is Writers.UNKNOWN and now < kept.since_s + KEEP_UNKNOWN_S):
            return None
        now_there = Identity.of(os.stat(name, dir_fd=self.fd, follow_symlinks=False))
        if not now_there.same_content_as(kept.identity):
            return False
        return kept.holds is None or kept.holds(self.file(name), now_there)

    def _writers(self, name: bytes) -> Writers:
        """Of a file that nobody can open anew by name: once there is none, there will be none."""
        if not stat.S_ISREG(os.stat(name, dir_fd=self.fd, follow_symlinks=False).st_mode):
            return Writers.NONE
        try:
            fd = os.open(name, _READ, dir_fd=self.fd)
        except BlockingIOError:  # somebody holds a lease for writing
            return Writers.OPEN
        except PermissionError:  # it was made unreadable: size and times speak
            return Writers.UNKNOWN
        try:
            return lease.writer_state(fd)
        finally:
            os.close(fd)

    def leftovers(self) -> list[Rescued]:
        """What an earlier run left here. Only a file whose content the history has may be deleted. # I1"""
        names = {os.fsencode(name) for name in os.listdir(self.fd)}
        return [
            Rescued(self._path_of(name, names), self.file(name))
            for name in sorted(names)
            if name not in self._kept and not (name.endswith(_PATH_SUFFIX) and b"~" not in name)
        ]

    def _path_of(self, name: bytes, names: set[bytes]) -> RelPath | None:
        _, tilde, escaped = name.partition(b"~")
        if tilde:
            return RelPath(escaped.replace(b"%2F", b"/").replace(b"%25", b"%")) or None
        if name + _PATH_SUFFIX not in names:
            return None
        with open(self.file(name + _PATH_SUFFIX), "rb") as file:
            return RelPath(file.read()) or None
