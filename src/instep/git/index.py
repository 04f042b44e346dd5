"""Bringing git's index to what was committed, natively, so that `git status` is clean and reads no file.

Rules (reference 3.4): only where the entry still is what it was believed to be, so what a person staged stays
(I27); with the file's real stat data, unless the file is as young as the index: git does not trust such an
entry, and a stale one could be trusted later. No time is ever faked.

The whole file, 80 MB where there are a million, is written and synced beside the old one, and nobody waits
for that. Then it becomes git's own `index.lock`, and if the old index is still the one that was read, the new
index. Without the sync a power cut would leave an empty index, and with it would go what a person had staged.
"""

import hashlib
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from heapq import merge

from instep.core.types import Entry, RelPath
from instep.fs import syscalls
from instep.fs.crash import Point, passed
from instep.git.cache_tree import invalidate
from instep.git.errors import GitError, IndexBusy, UnsupportedIndex
from instep.git.index_changes import IndexChanges, IndexUpdate
from instep.git.index_entry import IndexEntry
from instep.git.index_format import HEADER, Edit, Memory, RawIndex
from instep.git.index_v4 import pack_names
from instep.git.repository import Repository

__all__ = [
    "IndexBusy",
    "IndexDraft",
    "IndexEntry",
    "IndexUpdate",
    "draft_index",
    "read_index",
    "write_by_git",
    "write_index",
]

_NS = 10**9
_File = tuple[int, ...]
"""Device, inode, size, times."""


def read_index(path: str | bytes, oid_bytes: int) -> list[IndexEntry]:
    """All entries of an index file. Raises UnsupportedIndex, OSError."""
    with open(path, "rb") as file:
        index = RawIndex(file.read(), oid_bytes)
    return list(index.entries())


def changed_since(repo: Repository, since_s: int) -> set[RelPath]:
    """Paths of files with a ctime of then or later, as far as the index knows them; for a start.

    Raises UnsupportedIndex. An index that is not there knows none.
    """
    index, _ = _read(os.path.realpath(repo.git_dir + b"/index"), repo)
    return {RelPath(path) for path in index.changed_since(since_s)}


def draft_index(repo: Repository, updates: Mapping[RelPath, IndexUpdate]) -> "IndexDraft":
    """The index with the updates applied, written aside. Takes long where it is large, and changes nothing.

    Raises GitError, OSError.
    """
    draft = IndexDraft(repo, updates)
    if updates:
        try:
            draft.write()
        except UnsupportedIndex:
            draft.by_git = True
    return draft


def write_index(repo: Repository, updates: Mapping[RelPath, IndexUpdate]) -> set[RelPath]:
    """Applies the updates; gives the paths that should be given again in a second or two, when they are
    older.

    Raises IndexBusy if somebody holds the lock (nothing was changed), GitError, OSError.
    """
    draft = draft_index(repo, updates)
    draft.place()
    return draft.unsettled


def write_by_git(repo: Repository, updates: Mapping[RelPath, IndexUpdate]) -> None:
    """The same through `git update-index`, for what is not understood here; without stat data.

    Raises IndexBusy, GitError.
    """
    listing = repo.run("ls-files", "-s", "-z").split(b"\0")[:-1]
    held: dict[bytes, tuple[bytes, ...]] = {}
    for line in listing:
        words, _, path = line.partition(b"\t")
        held[path] = tuple(words.split(b" ")) if path not in held else ()
    lines: list[bytes] = []
    zero = b"0" * (2 * repo.format.oid_bytes)
    for path, update in updates.items():
        now, new = held.get(path), _words(update.entry)
        if now != new and now in map(_words, (update.before, *update.also)):
            lines.append(b"%b %b %b\t%b\0" % (*(new or (b"0", zero, b"0")), path))
    try:
        repo.run("update-index", "-z", "--index-info", input=b"".join(lines))
    except GitError as error:
        if "index.lock" in error.text:
            raise IndexBusy(error.text) from error
        raise


def _words(entry: Entry | None) -> tuple[bytes, ...] | None:
    return None if entry is None else (b"%06o" % entry.mode, entry.oid.hex().encode(), b"0")


def _read(path: bytes, repo: Repository) -> "tuple[RawIndex, _File | None]":
    """The index as it is, and which file that is; most of the work is saved if it is the one that was written
    here last."""
    oid_bytes, known = repo.format.oid_bytes, repo.index_memory
    try:
        with open(path, "rb") as file:
            st = os.fstat(file.fileno())
            found = _identity(st)
            same = known is not None and known.file == found
            data = file.read()
    except FileNotFoundError:
        return RawIndex.empty(oid_bytes), None
    return RawIndex(data, oid_bytes, since_s=st.st_mtime_ns // _NS, known=known if same else None), found


def _identity(st: os.stat_result) -> _File:
    return st.st_dev, st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns


def _body(old: RawIndex, changes: IndexChanges) -> Iterator[bytes | memoryview]:
    """The new index without its checksum, piece by piece: it may have 80 MB, and most of it stays.

    Entries that were as young as the old index lose their size, as git does when it writes: the new index is
    younger, and git would trust them unread.
    """
    smudged = (Edit(position, position + 4, b"", bytes(4)) for position in old.racy)
    view, position, count = memoryview(old.data), HEADER.size, old.count
    parts: list[bytes | memoryview] = []
    for edit in changes.edits:
        count += (edit.content != b"") - (edit.end > edit.start)
    for edit in merge(changes.edits, smudged):
        if edit.start < position:
            continue  # the entry is replaced as a whole
        parts += (view[position : edit.start], edit.content)
        position = edit.end
    parts.append(view[position : old.end])
    if old.version == 4:
        parts = [pack_names(b"".join(parts), count, old.name_at)]
    version = 3 if old.version == 2 and changes.need_version_3 else old.version
    yield HEADER.pack(b"DIRC", version, count)
    yield from parts
    yield from _extensions(old, changes)


def _extensions(old: RawIndex, changes: IndexChanges) -> Iterator[bytes]:
    """Those that stay true: what is known of directories, and of conflicts that a person resolved.

    git makes the others again: the untracked cache, the file system monitor's, the tables of offsets.
    """
    for name, content in old.extensions:
        kept = content if name == b"REUC" else None
        if name == b"TREE":
            kept = invalidate(content, changes.changed, old.oid_bytes)
        if kept is not None:
            yield struct.pack(">4sL", name, len(kept)) + kept


class IndexDraft:
    """A new index beside the old one. `unsettled`: what should be given again when it is older; `is_written`:
    whether it is another one than the old.

    One at a time for each repository: one that was never placed, as its process was killed, is written over.
    """

    def __init__(self, repo: Repository, updates: Mapping[RelPath, IndexUpdate]) -> None:
        self.unsettled: set[RelPath] = set()
        self.by_git = False
        self._repo = repo
        self._updates = updates
        self._path = os.path.realpath(repo.git_dir + b"/index")
        self._aside = self._path + b".instep"
        self._base: _File | None = None
        self._blocks: tuple[list[int], int] | None = None
        self.is_written = False

    def write(self) -> None:
        """Raises UnsupportedIndex."""
        old, self._base = _read(self._path, self._repo)
        fd = os.open(self._aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            changes = IndexChanges(old, self._repo.root, os.fstat(fd).st_mtime_ns // _NS)
            changes.collect(self._updates)
            self.unsettled = changes.unsettled
            if changes.edits:
                self._write_body(fd, _body(old, changes))
                self._blocks = None if old.version == 4 else old.blocks_after(changes.edits)
                self.is_written = True
        finally:
            os.close(fd)
            if not self.is_written:
                os.unlink(self._aside)

    def place(self) -> None:
        """Makes it the index. Raises IndexBusy if somebody holds the lock, or changed the index since it was
        read: then nothing was changed, and the draft is gone."""
        if self.by_git:
            write_by_git(self._repo, self._updates)
        if not self.is_written:
            return
        lock = self._path + b".lock"
        try:
            syscalls.rename_noreplace(syscalls.AT_FDCWD, self._aside, syscalls.AT_FDCWD, lock)
        except FileExistsError:
            os.unlink(self._aside)
            text = f"{os.fsdecode(lock)} exists: another git is at work here, or died."
            raise IndexBusy(text, "If no git runs there, remove that file.") from None
        passed(Point.INDEX_LOCKED)
        if _file_at(self._path) != self._base:
            os.unlink(lock)
            raise IndexBusy("Another git changed the index.")
        os.rename(lock, self._path)
        passed(Point.INDEX_PLACED)
        file = _file_at(self._path)
        self._repo.index_memory = Memory(file, *self._blocks) if self._blocks and file else None

    def _write_body(self, fd: int, parts: Iterable[bytes | memoryview]) -> None:
        checksum = hashlib.new(self._repo.format.name, usedforsecurity=False)
        with open(fd, "wb", closefd=False) as file:
            for part in parts:
                checksum.update(part)
                file.write(part)
            file.write(checksum.digest())
        mode = self._repo.sharing.file_mode(0o666)
        with suppress(FileNotFoundError):
            mode = os.stat(self._path).st_mode & 0o7777
        os.fchmod(fd, mode)
        os.fsync(fd)
        passed(Point.INDEX_WRITTEN)


def _file_at(path: bytes) -> _File | None:
    try:
        return _identity(os.stat(path))
    except FileNotFoundError:
        return None
