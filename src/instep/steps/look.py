"""Looking at one path: what is there now, as an entry of a git tree.

The look reads a quiet file once and decides whether its bytes go into git or into the annex. Nothing is
written to the repository here: new content is staged in the caller's batch and put in place after one sync
for all.
"""

import errno
import os
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import partial

from instep.annex.magic import mime_of
from instep.annex.store import StagedContent
from instep.core.pointers import MAX_POINTER_BYTES, key_of_link, key_of_pointer, link_target, pointer
from instep.core.types import MODE_EXEC, MODE_FILE, MODE_GITLINK, MODE_LINK, Entry, Object, Oid, RelPath
from instep.fs.durable import Batch
from instep.fs.identity import Identity
from instep.fs.install import Refused
from instep.fs.read import Gone, identify, read_link, read_stable, refuse_open
from instep.steps.copies import LARGE_BYTES
from instep.steps.recognise import confirm
from instep.steps.sight import Sight
from instep.steps.state import FolderState

SMALL_BYTES = 1 << 20
"""Files up to this size are read whole; larger ones are streamed."""
ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE, errno.ENOTCONN})
"""With these a path leads nowhere, or into a filesystem whose server is gone; others say nothing of it."""


@dataclass
class Look:
    """One round of looking: gathers the new blobs and annex content of every path looked at."""

    state: FolderState
    batch: Batch
    even_ignored: bool = False
    insisted: Collection[RelPath] = ()
    """Captured as they are, though they may be changing: they have waited for long. # I9"""
    objects: dict[Oid, Object] = field(default_factory=dict[Oid, Object])
    contents: list[StagedContent] = field(default_factory=list[StagedContent])
    odd: set[RelPath] = field(default_factory=set[RelPath])
    """Sockets, FIFOs and devices seen; they are left alone."""
    large: dict[RelPath, Identity] = field(default_factory=dict[RelPath, Identity])
    """Large files that are still to be read (`adding`)."""
    staged_bytes: int = 0

    def at(self, path: RelPath, tracked: Entry | None) -> Sight | None:
        """What is at `path` now, or None if there is nothing new to say: the file is known (I4), or ignored.

        Raises StillOpen or ChangedMeanwhile when it is not quiet, PermissionError or another OSError (never
        taken for absence, I2) when it can't be read.
        """
        identity = self._identify(path)
        if identity is None or identity.is_directory:
            self.state.known.forget(path)
            lag = self.state.lag.get(path)
            missed = _is_missed(tracked, identity) or (lag is not None and _is_missed(lag.have, identity))
            return Sight(path, None) if missed and not self.state.sparse.leaves_out(path) else None
        known = self.state.known.entry(path, identity)
        if known is None and tracked is not None and confirm(self.state, path, identity, tracked):
            known = tracked
        if known is not None and (known == tracked or not self._may_wait(known, identity)):
            return Sight(path, known, identity) if known != tracked else None
        if known is None and tracked is None and not self.even_ignored and self.state.skip(path, False):
            return None
        if identity.is_link:
            return self._link(path)
        if identity.is_regular:
            return self._file(path, identity)
        self.odd.add(path)
        return Sight(path, None)

    def _may_wait(self, entry: Entry, identity: Identity) -> bool:
        """Whether the file's content may still be to come, which it is to be read for. # I7"""
        may_be_pointer = identity.is_link or identity.size <= MAX_POINTER_BYTES
        return may_be_pointer and self.state.key_of(entry) is not None

    def _identify(self, path: RelPath) -> Identity | None:
        try:
            return identify(self.state.work_tree.root_fd, path)
        except Gone:  # proven: no other error is taken for absence (I2)
            return None

    def _link(self, path: RelPath) -> Sight:
        identity, target = read_link(self.state.work_tree.root_fd, path)
        key = key_of_link(target)
        if key is not None and target != (right := link_target(key, path)):
            identity, target = self._relink(path, identity, target, right), right
        awaits = key if key is not None and not self.state.store.has(key) else None
        return Sight(path, self._blob(MODE_LINK, target), identity, awaits)

    def _relink(self, path: RelPath, identity: Identity, target: bytes, right: bytes) -> Identity:
        """A link into the annex that was moved to another depth leads nowhere: it is written anew for where
        it is now, as `git annex fix` does. The identity of what stands there then."""

        def is_moved(file: bytes, _: Identity) -> bool:
            return os.readlink(file) == target

        try:
            return self.state.work_tree.replace(path, self.batch.link(right), is_moved)
        except (Refused, OSError):  # it is recorded right all the same
            return identity

    def _file(self, path: RelPath, identity: Identity) -> Sight | None:
        mode = MODE_EXEC if identity.mode & 0o100 else MODE_FILE
        state = self.state
        if identity.size > SMALL_BYTES and self._annexes(path, identity.size):
            content = self._content(path, identity)
            return None if content is None else self._annexed(path, mode, content)
        seen = read_stable(state.work_tree.root_fd, path, insist=path in self.insisted)
        data, identity = seen.data, seen.identity
        if len(data) <= MAX_POINTER_BYTES and (key := key_of_pointer(data)) is not None:
            return Sight(path, self._blob(mode, data), identity, awaits=key)
        if self._annexes(path, len(data)):
            content = state.store.stage_data(data, path, self.batch, identity, state.settings)
            return self._annexed(path, mode, replace(content, settled=seen.settled))
        return Sight(path, self._blob(mode, data), identity, settled=seen.settled)

    def _annexes(self, path: RelPath, size: int) -> bool:
        mime = partial(mime_of, self.state.work_tree.root_fd, path)
        return self.state.settings.annexes(path, size, mime)

    def _content(self, path: RelPath, identity: Identity) -> StagedContent | None:
        """Annexed content that is too large to be held in memory; None: it is large, and read elsewhere."""
        state, root_fd = self.state, self.state.work_tree.root_fd
        if identity.size >= LARGE_BYTES and state.additions.enabled:
            content = state.additions.content(path, identity)
            if content is None:
                if path not in self.insisted:
                    refuse_open(root_fd, path)
                self.large[path] = identity
            return content
        self.staged_bytes += identity.size
        insist = path in self.insisted
        return state.store.stage_file(root_fd, path, self.batch, state.settings, insist=insist)

    def _annexed(self, path: RelPath, mode: int, content: StagedContent) -> Sight:
        self.contents.append(content)
        return Sight(path, self._blob(mode, pointer(content.key)), content.identity, settled=content.settled)

    def _blob(self, mode: int, data: bytes) -> Entry:
        oid = self.state.repo.format.hash(b"blob", data)
        self.objects[oid] = Object(b"blob", data)
        self.staged_bytes += len(data)
        return Entry(mode, oid)


def _is_missed(tracked: Entry | None, identity: Identity | None) -> bool:
    """Whether what is tracked is gone, where no file is. Another repository may not be checked out. # I23"""
    if tracked is None or tracked.mode == MODE_GITLINK:
        return False
    return identity is None or not tracked.is_tree


def root_is_whole(root: bytes, root_fd: int) -> bool:
    """Whether the folder's path still leads to the directory that was opened at the start. # I2 I8

    OSError if that can't be found out.
    """
    try:
        now, then = os.stat(root), os.fstat(root_fd)
    except OSError as error:
        if error.errno not in ABSENT:
            raise
        return False
    return (now.st_dev, now.st_ino) == (then.st_dev, then.st_ino) and now.st_nlink > 0


def pass_over(directory: RelPath, error: OSError) -> None:
    """For a scan: a directory that can't be listed hides what is in it, and says nothing of it (I2). Tracked
    files below are looked at one by one, and each is named if it can't be read."""
