"""Whether a file of the work tree holds a version: by its identity where that is proof, else by reading."""

import os
import time

from instep.core.pointers import MAX_POINTER_BYTES
from instep.core.types import MODE_LINK, Entry, RelPath
from instep.fs.beneath import open_beneath
from instep.fs.identity import Identity
from instep.fs.read import Gone, NotRegular, identify, read_link
from instep.steps.copies import LARGE_BYTES
from instep.steps.state import FolderState

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def recognised(state: FolderState, path: RelPath, entry: Entry) -> Identity | None:
    """The identity of the file there if it is known to hold this version. Raises Gone, OSError."""
    if state.known.identity(path) is None:
        return None
    identity = identify(state.work_tree.root_fd, path)
    if state.known.entry(path, identity) == entry or confirm(state, path, identity, entry):
        return identity
    return None


def confirm(state: FolderState, path: RelPath, identity: Identity, entry: Entry) -> bool:
    """Whether a file that is only guessed to hold this version does, by reading it; then it is known.

    Large ones are not read: that takes long, and the caller is the folder's one writer.
    """
    if state.known.guess(path, identity) != entry or identity.size >= LARGE_BYTES:
        return False
    return found(state, path, identity, entry)


def found(state: FolderState, path: RelPath, identity: Identity, entry: Entry) -> bool:
    """Whether a file holds this version, by reading it; then it is known."""
    since_ns = time.time_ns()
    try:
        if not _reads_as(state, path, identity, entry):
            return False
    except (Gone, NotRegular, OSError):
        return False  # a look says what is there, or why it can't be said
    state.known.note(path, identity, entry, guess=state.work_tree.grain.hides(identity, since_ns))
    return True


def _reads_as(state: FolderState, path: RelPath, identity: Identity, entry: Entry) -> bool:
    if identity.entry_mode != entry.mode:
        return False
    if entry.mode == MODE_LINK:
        return _is_blob(state, read_link(state.work_tree.root_fd, path)[1], entry)
    fd = open_beneath(state.work_tree.root_fd, path, _READ)
    try:
        is_it = Identity.of(os.fstat(fd)) == identity
        return is_it and holds(state, b"/proc/self/fd/%d" % fd, identity, entry)
    finally:
        os.close(fd)


def holds(state: FolderState, file: bytes, identity: Identity, entry: Entry) -> bool:
    """Whether a file's content is this entry's, by reading it. Raises OSError."""
    if entry.mode == MODE_LINK:
        return _is_blob(state, os.readlink(file), entry)
    key = state.key_of(entry)
    if key is not None and (identity.size > MAX_POINTER_BYTES or state.store.verify(key, file)):
        return state.store.verify(key, file) is True
    with open(file, "rb") as opened:
        return _is_blob(state, opened.read(), entry)


def _is_blob(state: FolderState, data: bytes, entry: Entry) -> bool:
    return state.repo.format.hash(b"blob", data) == entry.oid
