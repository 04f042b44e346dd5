"""What users completed, so that "nothing was lost" can be checked in the end (I1).

Each folder has a ledger. A user writes down the whole content that a file of theirs had when it was closed,
and what a later operation of users *in the same folder* did to it: overwriting or deleting supersedes it, a
rename takes it along. What the other folder's users or instep itself did never supersedes anything. So at
every moment the ledger holds the contents whose loss would be a lost edit; at a quiet moment, when all users
pause, they are kept for good, since from then on even a deletion leaves them in the history.
"""

import hashlib
from collections.abc import Collection, Iterable
from pathlib import Path

from tests.conftest import run_git

from .worktree import tree


class Ledger:
    """One folder's contents that must survive: by path while users may supersede them, then for good."""

    def __init__(self) -> None:
        self._current: dict[bytes, bytes] = {}
        self.kept: dict[bytes, bytes] = {}

    def wrote(self, path: bytes, content: bytes, *, executable: bool = False) -> None:
        """A user closed the file with this whole content, knowing that it replaces what was there. Its mode
        is of no account here."""
        self._current[path] = content

    def removed(self, path: bytes) -> None:
        """A user deleted the file."""
        self._current.pop(path, None)

    def renamed(self, source: bytes, target: bytes) -> None:
        """A user gave a file or a whole directory another name; a file that had that name is gone."""
        for path in [path for path in self._current if is_at(path, target)]:
            del self._current[path]
        for path in [path for path in self._current if is_at(path, source)]:
            self._current[target + path[len(source) :]] = self._current.pop(path)

    def chmodded(self, path: bytes, executable: bool) -> None:
        """A user gave a file another mode: its content stays what it is."""

    def linked(self, path: bytes, target: bytes) -> None:
        """A user made a symbolic link where nothing was: there is no content to lose."""

    def passed(self, path: bytes) -> None:
        """A user had a file there for a moment, on its way to its name."""

    def unsure(self, path: bytes) -> None:
        """A user threw away what is at or below this path, or began to and failed."""
        for below in [below for below in self._current if is_at(below, path)]:
            del self._current[below]

    def keep(self) -> None:
        """A quiet moment: what stands now must be found for ever."""
        self.kept |= {content: path for path, content in self._current.items()}

    def keep_tree(self, folder: Path) -> None:
        """A quiet moment: so must all that the work tree holds."""
        self.kept |= {data: path for path, (kind, data) in tree(folder).items() if kind != "link"}


def is_at(path: bytes, place: bytes) -> bool:
    """Whether the path is this place or lies in it."""
    return place in (b"", path) or path.startswith(place + b"/")


def lost(
    ledgers: Iterable[Ledger], folders: Iterable[Path], given_up: Collection[str] = frozenset()
) -> list[str]:
    """The kept contents that are in no folder's work tree, history or annex, and not among the objects that
    were given up: path and beginning of each."""
    there = set(given_up)
    for folder in folders:
        there |= _blobs(folder) | _annexed(folder)
        there |= {hashlib.sha256(data).hexdigest() for _, data in tree(folder).values()}
    return [
        f"{path!r}: {content[:60]!r} ({len(content)} bytes)"
        for ledger in ledgers
        for content, path in ledger.kept.items()
        if not {_blob_id(content), hashlib.sha256(content).hexdigest()} & there
    ]


def _blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _blobs(folder: Path) -> set[str]:
    """Ids of all objects that any ref or its history reaches."""
    return objects_of(folder, "--all")


def objects_of(folder: Path, *revisions: str) -> set[str]:
    """Ids of all objects that these revisions and their history hold."""
    return {line[:40].decode() for line in run_git(folder, "rev-list", "--objects", *revisions).splitlines()}


def _annexed(folder: Path) -> set[str]:
    """SHA-256 of all contents in the annex, read from the contents and not from the keys' names."""
    objects = (folder / ".git/annex/objects").rglob("SHA256*")
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in objects if path.is_file()}
