"""The annex: where the contents of keys lie, and how one gets there.

An object has its own directory, read-only except in shared repositories; a file in it is the object's content
only under the object's own name (git-annex keeps locks beside it). Objects are looked for under both hash
directories: a repository may once have been bare, or lived on another file system. Nothing is ever removed
here (I12).
"""

import os
import re
import stat
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO

from instep.annex.settings import AnnexSettings
from instep.core.keys import hash_of, new_hash, object_path, size_of
from instep.core.types import Key, RelPath
from instep.fs.beneath import Parent
from instep.fs.crash import Point, passed
from instep.fs.durable import Batch, Staged
from instep.fs.identity import Identity
from instep.fs.pour import Progress
from instep.fs.read import ChangedMeanwhile, hash_stable
from instep.git.repository import Repository

_BLOCK_BYTES = 1 << 20
_ATTEMPTS = 10
_EXECUTABLE = 0o111


@dataclass(frozen=True, slots=True)
class StagedContent:
    """New content with its key, waiting in a batch to be put in place; `staged` None: it was here already."""

    key: Key
    identity: Identity
    """Of the file that it was read from, when it was read."""
    staged: Staged | None
    settled: bool = True
    """False: the file may have changed while it was read, and the caller insisted. # I9"""


class AnnexStore:
    """One repository's annex. Safe to use from several threads."""

    def __init__(self, repo: Repository) -> None:
        self._dir = repo.common_dir + b"/"
        self._bare = repo.bare
        self._staging = repo.staging
        self._sharing = repo.sharing
        setting = repo.config.get("core.sharedRepository") or ""
        self._exact_mode = re.fullmatch("0[0-7]+", setting) is not None
        self._install = threading.Lock()

    # --- what is here --------------------------------------------------------------------------------

    def path(self, key: Key) -> bytes:
        """Where the content belongs, whether it is here or not."""
        return self._dir + object_path(key, self._bare)

    def find(self, key: Key) -> bytes | None:
        """Where the content is; None if it is not here. One `lstat` if it is where it belongs."""
        for bare in (self._bare, not self._bare):
            path = self._dir + object_path(key, bare)
            try:
                if stat.S_ISREG(os.lstat(path).st_mode):
                    return path
            except (FileNotFoundError, NotADirectoryError):
                continue
        return None

    def has(self, key: Key) -> bool:
        """Whether the content is here. An error other than absence is raised, never taken for it."""
        return self.find(key) is not None

    def size_bytes(self, key: Key) -> int | None:
        """How large the content is; None if it is not here."""
        path = self.find(key)
        if path is None:
            return None
        try:
            return os.lstat(path).st_size
        except FileNotFoundError:
            return None

    def open(self, key: Key) -> BinaryIO:
        """The content, for reading. Raises FileNotFoundError if it is not here."""
        path = self.find(key)
        if path is None:
            raise FileNotFoundError(2, "the content is not here", self.path(key))
        return open(path, "rb")

    def verify(self, key: Key, file: bytes | int) -> bool | None:
        """Whether the file (a path, or an open descriptor, whose offset stays) holds the key's content.

        None: its size is right, and more can't be said natively (`hash_of`); `git annex fsck` may know.
        """
        if isinstance(file, int):
            return _holds(key, file)
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return _holds(key, fd)
        finally:
            os.close(fd)

    # --- new content ---------------------------------------------------------------------------------

    def stage_data(
        self, data: bytes, path: RelPath, batch: Batch, identity: Identity, settings: AnnexSettings
    ) -> StagedContent:
        """Makes the key of a small file's content that was read from `path`, and writes the content aside."""
        digest = settings.new_hash(path)
        digest.update(data)
        key = settings.key(len(data), digest.hexdigest(), path)
        if self.has(key):
            return StagedContent(key, identity, None)
        staged = batch.write(data, 0o600)
        self._freeze(staged, identity.mode)
        return StagedContent(key, identity, staged)

    def stage_key(self, key: Key, data: bytes, batch: Batch) -> StagedContent:
        """Writes aside small content whose key is known and that was verified."""
        staged = batch.write(data, 0o600)
        self._freeze(staged, 0)
        return StagedContent(key, staged.identity or Identity.of(os.lstat(staged.path)), staged)

    def stage_file(
        self,
        root_fd: int,
        path: RelPath,
        batch: Batch,
        settings: AnnexSettings,
        *,
        insist: bool = False,
        progress: Progress | None = None,
    ) -> StagedContent:
        """As `stage_data`, for a file of any size below `root_fd`, hashed and copied (or cloned) in one go.

        `insist`, `progress` and what is raised: as `hash_stable`.
        """
        digest = settings.new_hash(path)
        if settings.thin and not insist:  # a writer would go on in the object itself
            shared = self._share(root_fd, path, batch, settings, progress)
            if shared is not None:
                return shared
        staged = batch.begin(0o600)
        try:
            captured = hash_stable(
                root_fd, path, [digest], copy_to=staged.fd, insist=insist, progress=progress
            )
            size = os.fstat(staged.fd).st_size
        except BaseException:
            staged.discard()
            raise
        staged.finish()
        key = settings.key(size, digest.hexdigest(), path)
        self._freeze(staged, captured.identity.mode)
        return StagedContent(key, captured.identity, staged, captured.settled)

    def _share(
        self, root_fd: int, path: RelPath, batch: Batch, settings: AnnexSettings, progress: Progress | None
    ) -> StagedContent | None:
        """The file itself under a second name (annex.thin), with its own mode; None where that can't be."""
        with Parent(root_fd, path) as (dir_fd, name):
            staged = batch.link_to(dir_fd, name)
        if staged is None:
            return None
        digest = settings.new_hash(path)
        try:
            identity = hash_stable(root_fd, path, [digest], progress=progress).identity
        except BaseException:
            staged.discard()
            raise
        if staged.identity is None or staged.identity[:2] != identity[:2]:  # another file took the name
            staged.discard()
            raise ChangedMeanwhile(path)
        return StagedContent(settings.key(identity.size, digest.hexdigest(), path), identity, staged)

    def sole_name(self, key: Key) -> bytes | None:
        """Where the content is, if no file of the work tree is a hard link of it."""
        path = self.find(key)
        return path if path is not None and os.lstat(path).st_nlink == 1 else None

    def put(self, content: StagedContent) -> bool:
        """Puts content in place whose batch was synced (I10). False if it was here already: an object is
        never replaced. The name is durable after the batch's `sync_names`."""
        staged = content.staged
        if staged is None:
            return False
        if self.find(content.key) is not None:
            staged.discard()
            return False
        try:
            self._into_place(content.key, staged)
        except FileExistsError:
            staged.discard()
            return False
        return True

    def put_file(self, key: Key, path: bytes) -> bool:
        """Takes over a verified file on the same file system, durably (I10). False if the content was here
        already; the file is gone then too."""
        if self.find(key) is not None:
            os.unlink(path)
            return False
        with Batch(self._staging) as batch:
            staged = batch.adopt(path)
            self._freeze(staged, os.lstat(staged.path).st_mode)
            batch.sync()
            stored = self.put(StagedContent(key, Identity.of(os.lstat(staged.path)), staged))
            batch.sync_names()
        return stored

    def give_up(self, key: Key, identity: Identity) -> bool:
        """Takes the key's name from a file that was written through a hard link of it (annex.thin), so it
        holds something else now; the file itself stays under its other names, and nothing is lost that was
        still there (I12). False: the object is another file, or holds the key's content, or that can't be
        told."""
        path = self.find(key)
        if path is None:
            return False
        found = os.lstat(path)
        if (found.st_dev, found.st_ino) != (identity.dev, identity.ino) or found.st_nlink < 2:
            return False
        if self.verify(key, path) is not False:
            return False
        with self._install, self._writable(os.path.dirname(path)):
            os.unlink(path)
        return True

    def _freeze(self, staged: Staged, source_mode: int) -> None:
        """Gives a staged object its mode: nobody writes; who may read is the repository's business."""
        wanted = 0o444 | (_EXECUTABLE if source_mode & 0o100 else 0)
        os.chmod(staged.name, self._sharing.file_mode(wanted), dir_fd=staged.dir_fd)

    def _into_place(self, key: Key, staged: Staged) -> None:
        """Renames it into the object's directory, which git-annex may be removing (after a drop) or making
        read-only at the same time."""
        target = self.path(key)
        directory = os.path.dirname(target)
        for attempt in range(_ATTEMPTS):
            try:
                self._make_directory(directory, 3)
                with self._install, self._writable(directory):
                    staged.place(target, replace=False)
                    passed(Point.CONTENT_PLACED)
            except (FileNotFoundError, PermissionError):
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return

    def _make_directory(self, directory: bytes, levels: int) -> None:
        """Makes it and up to `levels` missing ones above it; never more: where the whole repository is gone,
        none appears."""
        try:
            os.mkdir(directory)
        except FileExistsError:
            return
        except FileNotFoundError:
            if not levels:
                raise
            self._make_directory(os.path.dirname(directory), levels - 1)
            self._make_directory(directory, 0)
            return
        if self._sharing.is_shared:
            os.chmod(directory, self._sharing.directory_mode())

    @contextmanager
    def _writable(self, directory: bytes) -> Generator[None]:
        """Lets us write to an object's directory, and leaves it as git-annex leaves it."""
        mode = stat.S_IMODE(os.stat(directory).st_mode)
        if not mode & 0o200:
            os.chmod(directory, mode | 0o200)
        try:
            yield
        finally:
            with suppress(PermissionError, FileNotFoundError):  # another user's, in a shared repository
                os.chmod(directory, self._frozen(mode))

    def _frozen(self, mode: int) -> int:
        if not self._sharing.is_shared:
            return mode & ~0o222
        return mode & ~0o200 if self._exact_mode else mode


def _holds(key: Key, fd: int) -> bool | None:
    size = size_of(key)
    if size is not None and os.fstat(fd).st_size != size:
        return False
    expected = hash_of(key)
    if expected is None:
        return None
    digest = new_hash(expected[0])
    buffer = memoryview(bytearray(_BLOCK_BYTES))
    done = 0
    while count := os.preadv(fd, [buffer], done):
        digest.update(buffer[:count])
        done += count
    return digest.hexdigest() == expected[1]
