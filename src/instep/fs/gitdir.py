"""The few files of a repository's git directory whose changes matter: HEAD and branches, config, exclude,
and what a merge, rebase or the like leaves there while it is half done.

`refs/synced` counts too: git-annex's assistant pushes there what it can't push to a branch. git replaces all
of them by renaming a `.lock` file, whose own coming and going is not reported. Shares an inotify descriptor
with the watcher of the work tree, where there is one.
"""

import contextlib
import os

from instep.fs import inotify as i
from instep.fs.inotify import Event, Inotify

HALF_DONE = frozenset(
    {b"rebase-merge", b"rebase-apply", b"MERGE_HEAD", b"CHERRY_PICK_HEAD", b"REVERT_HEAD", b"sequencer"}
    | {b"BISECT_LOG"}
)
"""Files and directories that come and go with a merge, rebase or the like that takes more than one command.
"""
EVERYTHING = frozenset({"refs", "config", "exclude"})

_MASK = i.IN_CREATE | i.IN_CLOSE_WRITE | i.IN_MOVED_TO | i.IN_MOVED_FROM | i.IN_DELETE | i.IN_ONLYDIR
_TOP = {b"HEAD": "refs", b"packed-refs": "refs", b"config": "config", b"config.worktree": "config"} | (
    dict.fromkeys(HALF_DONE, "refs")
)


class GitDirectory:
    """Watches one git directory (of a linked work tree too: then what is common as well)."""

    def __init__(self, inotify: Inotify, git_dir: bytes) -> None:
        self._inotify = inotify
        self._tops = [git_dir]
        with contextlib.suppress(FileNotFoundError), open(os.path.join(git_dir, b"commondir"), "rb") as file:
            self._tops.append(os.path.normpath(os.path.join(git_dir, file.read().rstrip(b"\n"))))
        self._places: dict[int, str] = {}
        self.watch()

    def watch(self) -> None:
        """Adds whatever is not watched yet. OSError ENOSPC at the limit."""
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
        """What changed: "refs", "config", "exclude", "" (nothing of note), or None: a stranger's event."""
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
            return "exclude" if event.name == b"exclude" else ""
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
        return True
