"""The few files of a repository's git directory whose changes matter: HEAD and branches, the index, config,
exclude and attributes, and what a merge, rebase or the like leaves there while it is half done.

`refs/synced` counts too: git-annex's assistant pushes there what it can't push to a branch. git replaces all
of them by renaming a `.lock` file, whose own coming and going is not reported. Shares an inotify descriptor
with the watcher of the work tree, where there is one. Where they can't be heard of they are looked at.
"""

import contextlib
import errno
import os
from collections.abc import Iterator

from instep.fs import inotify as i
from instep.fs.identity import Identity
from instep.fs.inotify import Ears, Event

HALF_DONE = frozenset(
    {b"rebase-merge", b"rebase-apply", b"MERGE_HEAD", b"CHERRY_PICK_HEAD", b"REVERT_HEAD", b"sequencer"}
    | {b"BISECT_LOG"}
)
"""Files and directories that come and go with a merge, rebase or the like that takes more than one command.
"""
EVERYTHING = frozenset({"refs", "index", "config", "exclude"})

_MASK = i.IN_CREATE | i.IN_CLOSE_WRITE | i.IN_MOVED_TO | i.IN_MOVED_FROM | i.IN_DELETE | i.IN_ONLYDIR
_TOP = {
    b"HEAD": "refs",
    b"packed-refs": "refs",
    b"index": "index",
    b"config": "config",
    b"config.worktree": "config",
} | dict.fromkeys(HALF_DONE, "refs")


class GitDirectory:
    """Watches one git directory (of a linked work tree too: then what is common as well)."""

    def __init__(self, inotify: Ears, git_dir: bytes) -> None:
        self._inotify = inotify
        self.git_dir = git_dir
        self.unheard = False
        """Whether some of it could not be watched."""
        self._picture: dict[str, list[tuple[bytes, Identity]]] = {}
        self._tops = [git_dir]
        with contextlib.suppress(FileNotFoundError), open(os.path.join(git_dir, b"commondir"), "rb") as file:
            self._tops.append(os.path.normpath(os.path.join(git_dir, file.read().rstrip(b"\n"))))
        self._places: dict[int, str] = {}
        self.watch()
        self.look()

    def watch(self) -> None:
        """Adds whatever is not watched yet."""
        self.unheard = False
        for top in self._tops:
            self._add(top, "top")
            self._add(top + b"/info", "info")
            self._add(top + b"/refs", "refs")
            self._add_branches(top + b"/refs/heads")
            self._add_branches(top + b"/refs/synced")

    @property
    def is_there(self) -> bool:
        """Whether anything of it is watched still."""
        return "top" in self._places.values()

    def take(self, event: Event) -> str | None:
        """What changed: "refs", "index", "config", "exclude" (`attributes` too), "" (nothing of note), or
        None: a stranger's event."""
        place = self._places.get(event.wd)
        if place is None:
            return None
        if event.mask & i.IN_IGNORED:
            del self._places[event.wd]
        if event.mask & i.IN_ISDIR:
            return self._directory(place, event)
        if not event.name or event.name.endswith(b".lock"):
            return ""
        if place == "top":
            return _TOP.get(event.name, "")
        if place == "info":
            return "exclude" if event.name in (b"exclude", b"attributes") else ""
        return "refs" if place == "heads" else ""

    def _directory(self, place: str, event: Event) -> str:
        """A directory came or went: `info`, `refs`, `heads`, that of branches with a slash in the name, or
        what a rebase keeps."""
        if place == "top" and event.name in HALF_DONE:
            return "refs"
        if place == "info" or (place == "top" and event.name not in (b"info", b"refs")):
            return ""
        if event.mask & (i.IN_CREATE | i.IN_MOVED_TO):
            self.watch()
        return "exclude" if event.name == b"info" else "refs"

    def _add_branches(self, directory: bytes) -> None:
        if self._add(directory, "heads"):
            inner: list[bytes] = []
            with contextlib.suppress(FileNotFoundError), os.scandir(directory) as entries:
                inner = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
            for path in inner:
                self._add_branches(path)

    def _add(self, directory: bytes, place: str) -> bool:
        try:
            self._places[self._inotify.add(directory, _MASK)] = place
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.ENOMEM):
                raise
            self.unheard = True  # what is below is looked at
        return True

    def look(self) -> set[str]:
        """What changed since the last look: of the kinds in `EVERYTHING`. Cheap, and safe in a thread."""
        now: dict[str, list[tuple[bytes, Identity]]] = {kind: [] for kind in EVERYTHING}
        for top in self._tops:
            for name, kind in (*_TOP.items(), (b"info/exclude", "exclude"), (b"info/attributes", "exclude")):
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    now[kind].append((name, Identity.of(os.stat(top + b"/" + name))))
            for branches in (b"/refs/heads", b"/refs/synced"):
                now["refs"].extend(_files_in(top + branches))
        before, self._picture = self._picture, now
        return {kind for kind in EVERYTHING if before.get(kind) != now[kind]}


def _files_in(directory: bytes) -> Iterator[tuple[bytes, Identity]]:
    try:
        with os.scandir(directory) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _files_in(entry.path)
        elif not entry.name.endswith(b".lock"):
            with contextlib.suppress(FileNotFoundError):
                yield entry.path, Identity.of(entry.stat(follow_symlinks=False))
