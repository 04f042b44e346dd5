"""What changed below a directory, as the kernel tells it (inotify), with our own recursion.

Every directory is watched first and listed afterwards, so nothing can slip in between: what was there before
the watch is in the listing, what came later is an event. One that is as it was when it was listed before
(`fs.listed`) need not be listed again. A new directory is reported as a subtree to scan,
after the watches in it stand. Events are hints (I15): they say where to look, never what is there; and when
the kernel drops some, everything is to be looked at again (I21).
"""

import contextlib
import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from instep.core.types import RelPath
from instep.fs import inotify as i
from instep.fs.beneath import open_beneath
from instep.fs.gitdir import EVERYTHING, GitDirectory
from instep.fs.grain import Grain
from instep.fs.inotify import Ears, Event, open_ears
from instep.fs.lease import will_be_closed
from instep.fs.listed import Listed, Stamp, below, contents
from instep.fs.pictures import Pictures, Seen
from instep.fs.scan import Skip
from instep.fs.watched import WatchedDirectory, WatchedTree

_COMES = i.IN_CREATE | i.IN_MOVED_TO
_GOES = i.IN_DELETE | i.IN_MOVED_FROM
_SELF = i.IN_DELETE_SELF | i.IN_MOVE_SELF | i.IN_UNMOUNT | i.IN_IGNORED
# MODIFY is there for truncate(2), which closes nothing; a writer's own ones are told apart by the lease.
_CERTAIN = i.IN_CLOSE_WRITE | i.IN_ATTRIB | i.IN_MOVED_TO | _GOES
_MASK = (
    _CERTAIN | i.IN_MODIFY | i.IN_CREATE | i.IN_DELETE_SELF | i.IN_MOVE_SELF | i.IN_ONLYDIR | i.IN_EXCL_UNLINK
)

_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_VANISHED = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_UNREADABLE = frozenset({errno.EACCES, errno.EPERM, errno.EIO})


@dataclass
class Observed:
    """What one `read` gathered. Paths may be in several of the sets, and may be gone by now."""

    dirty: set[RelPath] = field(default_factory=set[RelPath])
    """Names (of anything but directories) to look at again."""
    scan: set[RelPath] = field(default_factory=set[RelPath])
    """Directories, come or gone, whose whole subtree is to be looked at again."""
    busy: set[RelPath] = field(default_factory=set[RelPath])
    """Files that some program is writing; they become dirty when it closes them."""
    extra: set[str] = field(default_factory=set[str])
    """What changed in the git directory: "refs" (HEAD too), "config", "exclude"."""
    root_gone: bool = False
    """The root, or a directory above it, was moved, deleted or unmounted, or its `.git` was: look whether it
    is still where it was; if not, the watcher is of no more use."""


class TreeWatcher:
    """Watches every directory below `root` that is not skipped. Not for several threads at once.

    `fileno()` is readable when `read` has something. `skip` is asked about directories (a skipped one is not
    watched, nor anything below) and about files. Directories that can't be watched (the kernel's limit, no
    more memory, no inotify at all) are in `unwatched`: what is in them is found by `look` only. Those that
    can't be listed are in `unreadable` (the root in both); repositories inside the folder, which are left
    alone, in `nested`;
    sockets, FIFOs and devices that were there when a directory was listed, in `special`.

    `unreliable`: not all changes are told, as other computers make some of them; so everything is looked at.
    """

    def __init__(
        self, root: bytes, skip: Skip, grain: Grain, inotify: Ears | None = None, *, unreliable: bool = False
    ) -> None:
        self._root = root
        self._skip = skip
        self._inotify = open_ears() if inotify is None else inotify
        self._unreliable = unreliable
        self._pictures = Pictures(root, skip, grain)
        self._tree = WatchedTree()
        self._git: GitDirectory | None = None
        self._root_id: tuple[int, int] | None = None
        self._above: set[int] = set()
        self._open: set[RelPath] = set()
        self._prefixes: dict[int, bytes | None] = {}
        self._listed: Mapping[RelPath, Listed] = {}
        self.all_as_listed = False
        """Whether `start` found every directory as it was told, and watches it."""
        self.unwatched: set[RelPath] = set()
        self.unreadable: set[RelPath] = set()
        self.nested: set[RelPath] = set()
        self.special: set[RelPath] = set()

    def fileno(self) -> int:
        return self._inotify.fileno()

    @property
    def hears(self) -> bool:
        """Whether `fileno` can be waited for."""
        return self._inotify.hears

    @property
    def why_deaf(self) -> int:
        """The errno with which the kernel refused to tell anything at all; else 0."""
        return self._inotify.why

    @property
    def unheard(self) -> frozenset[RelPath]:
        """The directories that are to be looked at from time to time."""
        return frozenset({RelPath(b"")} if self._unreliable else self.unwatched)

    @property
    def repositories(self) -> set[RelPath]:
        """The repositories of their own that are known inside this one."""
        return self.nested | self._pictures.nested

    @property
    def hidden(self) -> set[RelPath]:
        """The directories that are known and can't be listed."""
        return self.unreadable | self._pictures.hidden

    def __len__(self) -> int:
        """How many directories are watched."""
        return len(self._tree)

    def start(self, listed: Mapping[RelPath, Listed] | None = None) -> None:
        """Watches everything there is; scan afterwards. OSError if the root can't be opened.

        `listed`: directories as they were once, with the same ignore rules and the same tracked files as now.
        """
        st = os.stat(self._root)
        self._root_id = (st.st_dev, st.st_ino)
        self._listed = listed or {}
        if not self._enter(self._tree.root) and not self.unwatched:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._root)
        self.all_as_listed = bool(self._listed) and not self._unreliable
        self._listed = {}
        self._watch_above()
        self.look(self.unheard)
        self.special |= self._pictures.special

    def watch_git(self, git_dir: bytes) -> None:
        """Reports changes of HEAD, branches, config and info/exclude in `extra` from now on."""
        self._git = GitDirectory(self._inotify, git_dir)

    def refresh(self) -> None:
        """Asks `skip` anew about all directories, and tries again what could not be watched; scan after."""
        self._tree.clear()
        for paths in (self.unwatched, self.unreadable, self.nested, self.special, self._open):
            paths.clear()
        self._prefixes.clear()
        self._enter(self._tree.root)
        self._drop_orphans()

    def retry(self) -> set[RelPath]:
        """Tries again to watch what could not be: the limit may have been raised. Gives what is watched now,
        to be scanned; a single refused watch is what it costs if nothing is."""
        if not self._inotify.hears:
            return self._hear_again()
        gained: set[RelPath] = set()
        while self.unwatched:
            path = next(iter(self.unwatched))
            self._enter_again(path)
            if path in self.unwatched:
                break
            gained.add(path)
        if gained and self._git is not None:
            self._git.watch()
        return gained

    def look(self, tops: frozenset[RelPath]) -> Seen:
        """What changed below directories that are not heard of (`unheard`), since the look before. For a
        worker thread: it takes as long as the disk does. One look at a time; OSError if there is no root."""
        return self._pictures.look(tops)

    def look_at_git(self) -> set[str]:
        """As `Observed.extra`, for what is not heard of."""
        git = self._git
        return git.look() if git is not None and (git.unheard or self._unreliable) else set()

    def read(self) -> Observed:
        """What has happened since the last call. Blocks for disk work only, never for events."""
        observed = Observed()
        touched: dict[RelPath, int] = {}
        overflow = False
        for event in self._inotify.read():
            node = self._tree.get(event.wd)
            if node is None:
                overflow = overflow or bool(event.mask & i.IN_Q_OVERFLOW)
                self._other(event, observed)
            elif event.mask & _SELF:
                self._itself(node, event.mask, observed)
            elif event.mask & i.IN_ISDIR or event.name == b".git":
                self._directory(node, event, observed)
            elif event.name:
                prefix = self._prefix(node)
                if prefix is not None:
                    path = RelPath(prefix + event.name)
                    touched[path] = touched.get(path, 0) | event.mask
        self._sort(touched, observed)
        if overflow:
            self._overflow(observed)
        observed.root_gone = observed.root_gone or (self._tree.root.wd < 0 and not self.unwatched)
        self._leave_nested_alone(observed)
        self._drop_orphans()
        return observed

    def close(self) -> None:
        """Idempotent."""
        self._inotify.close()

    def _watch_above(self) -> None:
        """A directory above that is moved takes the root with it, which is told of that directory only."""
        above = os.path.dirname(self._root)
        while True:
            with contextlib.suppress(OSError):
                self._above.add(self._inotify.add(above, i.IN_MOVE_SELF | i.IN_DELETE_SELF | i.IN_ONLYDIR))
            if above == os.path.dirname(above):
                return
            above = os.path.dirname(above)

    def _hear_again(self) -> set[RelPath]:
        self._inotify = self._inotify.better()
        if not self._inotify.hears:
            return set()
        self.refresh()
        if self._git is not None:
            self.watch_git(self._git.git_dir)
        return {RelPath(b"")}

    def _enter_again(self, path: RelPath) -> None:
        self.unwatched.discard(path)
        self.unreadable.discard(path)
        directory, _, name = path.rpartition(b"/")
        parent: WatchedDirectory | None = self._tree.root
        for above in directory.split(b"/") if directory else ():
            parent = parent.child(above) if parent is not None else None
        if not path:
            self._enter(self._tree.root)
        elif parent is not None:
            self._enter(self._tree.add(parent, name))

    def _prefix(self, node: WatchedDirectory) -> bytes | None:
        """What stands before a name in this directory; None in a repository of its own. Kept for a while."""
        try:
            return self._prefixes[node.wd]
        except KeyError:
            path = node.path()
            prefix = None if path in self.nested else path + b"/" if path else b""
            self._prefixes[node.wd] = prefix
            return prefix

    def _other(self, event: Event, observed: Observed) -> None:
        if event.wd in self._above:
            observed.root_gone = True
        if event.mask & i.IN_IGNORED:
            self._tree.orphans.discard(event.wd)
        kind = self._git.take(event) if self._git is not None else None
        if kind:
            observed.extra.add(kind)

    def _itself(self, node: WatchedDirectory, mask: int, observed: Observed) -> None:
        """A watched directory was moved or ended; its parent's event says the rest, unless it has none."""
        if node.parent is None:
            observed.root_gone = True
        elif mask & (i.IN_UNMOUNT | i.IN_IGNORED):
            if mask & i.IN_UNMOUNT:
                observed.scan.add(node.path())
            self._forget(node.path(), node)

    def _directory(self, node: WatchedDirectory, event: Event, observed: Observed) -> None:
        if event.name == b".git":
            self._git_came_or_went(node, event.mask, observed)
            return
        if node.parent is None and not event.name and event.mask & i.IN_ATTRIB:
            self._root_s_attributes(observed)
        prefix = self._prefix(node)
        if prefix is None or not event.name:
            return
        path = RelPath(prefix + event.name)
        child = node.child(event.name)
        if event.mask & _GOES:
            self._forget(path, child)
            if child is not None or not self._skip(path, True):
                observed.scan.add(path)
        elif event.mask & _COMES or (event.mask & i.IN_ATTRIB and (child is None or self._is_hidden(path))):
            self._forget(path, child)
            if not self._skip(path, True):
                self._enter(self._tree.add(node, event.name))
                observed.scan.add(path)

    def _root_s_attributes(self, observed: Observed) -> None:
        top = RelPath(b"")
        if self._is_hidden(top):
            self.unreadable.add(top)
        elif top in self.unreadable:
            self.refresh()
            observed.scan.add(top)

    def _is_hidden(self, path: RelPath) -> bool:
        """Whether a directory can't be listed."""
        try:
            os.close(os.open(os.path.join(self._root, path), _LIST | os.O_CLOEXEC))
        except OSError as error:
            return error.errno in _UNREADABLE
        return False

    def _git_came_or_went(self, node: WatchedDirectory, mask: int, observed: Observed) -> None:
        """The root lost its repository, or another directory became one of its own or ceased to be. # I23"""
        path = node.path()
        if node.parent is None:
            observed.root_gone = observed.root_gone or bool(mask & _GOES)
        elif mask & _COMES and path not in self.nested:
            for child in list((node.children or {}).values()):
                self._forget(child.path(), child)
            self._forget(path, None)
            self.nested.add(path)
            observed.scan.add(path)
        elif mask & _GOES:
            self.nested.discard(path)
            self._enter(node)
            observed.scan.add(path)
        self._prefixes.clear()

    def _forget(self, path: RelPath, node: WatchedDirectory | None) -> None:
        if node is not None:
            self._tree.forget(node)
        self._prefixes.clear()
        inside = path + b"/"
        for paths in (self.nested, self.special, self.unwatched, self.unreadable, self._open):
            if paths:
                paths.difference_update([p for p in paths if p == path or p.startswith(inside)])

    def _enter(self, top: WatchedDirectory) -> bool:
        """Watches a directory and all below, each before it is listed. False if it is not there any more."""
        self._prefixes.clear()
        try:
            root_fd = os.open(self._root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            self._not_entered(top, top.path(), error)
            return False
        try:
            st = os.fstat(root_fd)
            if (st.st_dev, st.st_ino) != self._root_id:
                return False
            waiting = [(top, top.path())]
            while waiting:
                node, path = waiting.pop()
                waiting.extend(self._enter_one(root_fd, node, path))
        finally:
            os.close(root_fd)
        return top.wd >= 0

    def _enter_one(
        self, root_fd: int, node: WatchedDirectory, path: RelPath
    ) -> list[tuple[WatchedDirectory, RelPath]]:
        try:
            fd = open_beneath(root_fd, path, _LIST)
        except OSError as error:
            self._not_entered(node, path, error)
            return []
        try:
            self._tree.bind(node, self._add_watch(fd, path))
            known = self._listed.get(path)
            if known is None or known.stamp != Stamp.of(fd):
                self._listed = {}  # its ignore rules may be others, and they hold for all below it
            names = known.inner if known is not None and self._listed else self._list(fd, path)
            return [(self._tree.add(node, name), below(path, name)) for name in names]
        except OSError as error:
            self._not_entered(node, path, error)
            return []
        finally:
            os.close(fd)

    def _add_watch(self, fd: int, path: RelPath) -> int:
        try:  # by the descriptor: no link on the way can lead elsewhere
            return self._inotify.add(b"/proc/self/fd/%d" % fd, _MASK)
        except FileNotFoundError:
            return self._inotify.add(os.path.join(self._root, path), _MASK | i.IN_DONT_FOLLOW)

    def _list(self, fd: int, path: RelPath) -> list[bytes]:
        """The directories in it that are to be watched."""
        inner, special, is_repository = contents(fd, is_root=not path)
        if is_repository:
            self.nested.add(path)
        self.special.update(below(path, name) for name in special)
        return [name for name in inner if not self._skip(below(path, name), True)]

    def _not_entered(self, node: WatchedDirectory, path: RelPath, error: OSError) -> None:
        self._listed = {}
        self._tree.forget(node)
        if error.errno in _VANISHED:
            return
        if error.errno in _UNREADABLE:
            self.unreadable.add(path)
        if error.errno not in _UNREADABLE or not path:  # nobody tells when the root can be read again
            self.unwatched.add(path)

    def _sort(self, touched: dict[RelPath, int], observed: Observed) -> None:
        """Certain changes are dirty; a mere creation or modification may have its close still to come."""
        for path, mask in touched.items():
            if self._skip(path, False):
                continue
            if mask & _CERTAIN:
                self._open.discard(path)
                observed.dirty.add(path)
            elif path in self._open or will_be_closed(self._root, path):
                self._open.add(path)
                observed.busy.add(path)
            else:
                observed.dirty.add(path)

    def _overflow(self, observed: Observed) -> None:
        """The kernel dropped events: everything is watched and to be looked at anew. # I21"""
        self.refresh()
        observed.scan = {RelPath(b"")}
        if self._git is not None:
            self._git.watch()
            observed.extra |= EVERYTHING

    def _leave_nested_alone(self, observed: Observed) -> None:
        """What was told of a directory before it turned out to be a repository of its own. # I23"""
        if self.nested:
            inside = tuple(path + b"/" for path in self.nested)
            for paths in (observed.dirty, observed.scan, observed.busy):
                paths.difference_update([path for path in paths if path.startswith(inside)])

    def _drop_orphans(self) -> None:
        for wd in self._tree.take_orphans():
            self._inotify.remove(wd)
