"""Bringing git's index to what was committed, natively, so that `git status` is clean and reads no file.

Rules (reference 3.4): under git's own `index.lock`; only where the entry still is what it was believed to
be, so what a person staged stays (I27); with the file's real stat data, unless the file is as young as the
index: git does not trust such an entry, and a stale one could be trusted later. No time is ever faked.

The file is synced: without it a power cut leaves an empty index, and with it goes what a person had staged.
"""

import hashlib
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from heapq import merge

from instep.core.types import Entry, Hash, RelPath
from instep.fs.crash import Point, passed
from instep.git.cache_tree import invalidate
from instep.git.errors import GitError, IndexBusy, UnsupportedIndex
from instep.git.index_changes import IndexChanges, IndexUpdate
from instep.git.index_entry import IndexEntry
from instep.git.index_format import HEADER, Edit, Memory, RawIndex
from instep.git.index_v4 import pack_names
from instep.git.repository import Repository
from instep.git.sharing import Sharing

__all__ = ["IndexBusy", "IndexEntry", "IndexUpdate", "read_index", "write_by_git", "write_index"]

_NS = 10**9


def read_index(path: str | bytes, oid_bytes: int) -> list[IndexEntry]:
    """All entries of an index file. Raises UnsupportedIndex, OSError."""
    with open(path, "rb") as file:
        index = RawIndex(file.read(), oid_bytes)
    return list(index.entries())


def changed_since(repo: Repository, since_s: int) -> set[RelPath]:
    """Paths of files with a ctime of then or later, as far as the index knows them; for a start.

    Raises UnsupportedIndex. An index that is not there knows none.
    """
    index = _read(os.path.realpath(repo.git_dir + b"/index"), repo)
    return {RelPath(path) for path in index.changed_since(since_s)}


def write_index(repo: Repository, updates: Mapping[RelPath, IndexUpdate]) -> set[RelPath]:
    """Applies the updates; gives the paths that should be given again in a second or two, when they are
    older.

    Raises IndexBusy if somebody holds the lock (nothing was changed), GitError, OSError.
    """
    if not updates:
        return set()
    try:
        return _write_natively(repo, updates)
    except UnsupportedIndex:
        write_by_git(repo, updates)
        return set()


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
        now, before, new = held.get(path), _words(update.before), _words(update.entry)
        if now == before != new:
            lines.append(b"%b %b %b\t%b\0" % (*(new or (b"0", zero, b"0")), path))
    try:
        repo.run("update-index", "-z", "--index-info", input=b"".join(lines))
    except GitError as error:
        if "index.lock" in error.text:
            raise IndexBusy(error.text) from error
        raise


def _words(entry: Entry | None) -> tuple[bytes, ...] | None:
    return None if entry is None else (b"%06o" % entry.mode, entry.oid.hex().encode(), b"0")


def _write_natively(repo: Repository, updates: Mapping[RelPath, IndexUpdate]) -> set[RelPath]:
    path = os.path.realpath(repo.git_dir + b"/index")
    with _Lock(path, repo.sharing) as lock:
        old = _read(path, repo)
        changes = IndexChanges(old, repo.root, lock.now_s)
        changes.collect(updates)
        if changes.edits:
            file = lock.commit(_body(old, changes), hashlib.new(repo.format.name, usedforsecurity=False))
            repo.index_memory = None if old.version == 4 else Memory(file, *old.blocks_after(changes.edits))
        return changes.unsettled


def _read(path: bytes, repo: Repository) -> RawIndex:
    """The index as it is; most of the work is saved if it is the one that was written here last."""
    oid_bytes, known = repo.format.oid_bytes, repo.index_memory
    try:
        with open(path, "rb") as file:
            st = os.fstat(file.fileno())
            same = known is not None and known.file == _identity(st)
            return RawIndex(
                file.read(), oid_bytes, since_s=st.st_mtime_ns // _NS, known=known if same else None
            )
    except FileNotFoundError:
        return RawIndex.empty(oid_bytes)


def _identity(st: os.stat_result) -> tuple[int, ...]:
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
    yield HEADER.pack(b"DIRC", old.version, count)
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


class _Lock:
    """git's lock on the index, and the file system's clock at the time when it was taken."""

    def __init__(self, path: bytes, sharing: Sharing) -> None:
        self._path = path
        self._name = path + b".lock"
        try:
            self._fd = os.open(self._name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            text = f"{os.fsdecode(self._name)} exists: another git is at work here, or died."
            raise IndexBusy(text, "If no git runs there, remove that file.") from None
        passed(Point.INDEX_LOCKED)
        self._mode = sharing.file_mode(0o666)
        self.now_s = os.fstat(self._fd).st_mtime_ns // _NS

    def __enter__(self) -> "_Lock":
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            with suppress(FileNotFoundError):
                os.unlink(self._name)

    def commit(self, parts: Iterable[bytes | memoryview], checksum: Hash) -> tuple[int, ...]:
        """Puts the new index into place and gives up the lock; tells which file it is."""
        with open(self._fd, "wb", closefd=False) as file:
            for part in parts:
                checksum.update(part)
                file.write(part)
            file.write(checksum.digest())
        with suppress(FileNotFoundError):
            self._mode = os.stat(self._path).st_mode & 0o7777
        os.fchmod(self._fd, self._mode)
        os.fsync(self._fd)
        passed(Point.INDEX_WRITTEN)
        os.rename(self._name, self._path)
        passed(Point.INDEX_PLACED)
        file = _identity(os.fstat(self._fd))
        os.close(self._fd)
        self._fd = -1
        return file
