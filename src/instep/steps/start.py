"""Starting: everything is found again by looking.

The watches stand before the look begins, so nothing falls between. A file whose stat data is what git's
index has for what the branch has is not read; every other path is dirty and goes to the commit step. git does
the looking (`git/differences.py`): one `stat` a file, and nothing is kept in memory of those that are as they
were.
"""

import os
import shutil
import stat
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from instep.annex.branch import AnnexBranch
from instep.annex.preferences import read_preferences
from instep.annex.settings import read_settings
from instep.annex.setup import check_supported, uuid_of
from instep.annex.store import AnnexStore
from instep.core.pointers import key_of_pointer
from instep.core.tree import lookup, walk
from instep.core.types import Entry, Key, Oid, RelPath
from instep.fs import syscalls
from instep.fs.inotify import SHARED, Deaf
from instep.fs.install import WorkTree
from instep.fs.read import stat_beneath
from instep.fs.running import RunningMark
from instep.fs.scan import scan
from instep.fs.watcher import TreeWatcher
from instep.git.differences import Differences, changed_files, compare
from instep.git.donor import mend_objects
from instep.git.errors import GitError
from instep.git.ignore import IgnoreRules
from instep.git.mend import Mender
from instep.git.repository import Repository
from instep.git.unfinished import branch_of, unfinished
from instep.steps.following import Following
from instep.steps.lag import Cause
from instep.steps.look import pass_over
from instep.steps.pointers import PointerBook
from instep.steps.ports import Board
from instep.steps.settled import SettledBook
from instep.steps.state import FolderState
from instep.steps.underway import Resumed, Underway

POINTER_BYTES = range(18, 1024)
"""Sizes of files that are looked into for being pointers without content."""
RECENT_COMMITS = 256
"""How far back a late index is looked for."""


@dataclass
class Opened:
    """A folder, open and watched; what follows is known once it was compared with its branch."""

    state: FolderState
    watcher: TreeWatcher
    annex_branch: AnnexBranch
    running: RunningMark
    settled: SettledBook
    dirty: set[RelPath] = field(default_factory=set[RelPath])
    """Paths to look at: not as the branch and the index say, or in doubt."""
    index_differs: set[RelPath] = field(default_factory=set[RelPath])
    index_late: dict[RelPath, Entry | None] = field(default_factory=dict[RelPath, Entry | None])
    """Of those, the paths of which git's index has what an earlier commit had: the index is written late, and
    the process was killed before."""
    missing: dict[Key, set[RelPath]] = field(default_factory=lambda: defaultdict[Key, set[RelPath]](set))
    """Content that the branch names and the annex lacks."""
    unpopulated: set[RelPath] = field(default_factory=set[RelPath])
    """Pointer files whose content is in the annex."""
    present: set[Key] = field(default_factory=set[Key])
    """Their keys: a process that died may not have recorded that they are here."""

    resumed: Resumed | None = None
    """A merge that was being put in place when the process was killed; its files are not `dirty`."""

    mended: list[str] = field(default_factory=list[str])
    """What was found damaged, and is not any more, in words."""

    def compare(self) -> "Opened":
        """One look at the whole folder, by git; blocking. What is damaged is had again from the remotes.
        Raises GitError."""
        try:
            self._look()
        except GitError as error:
            self.mended += _mend(self.state.repo, error)
            self.state.head = self.state.repo.refs.read(self.state.branch_ref)
            self._look()
        return self

    def _look(self) -> None:
        state = self.state
        found = self._differences()
        self.index_differs = {*found.staged, *found.changed}
        self.index_late = _late(state, found.staged)
        self.dirty = self.index_differs | found.untracked | self.watcher.special
        self.dirty |= {*state.gate.held, *state.gate.emptied}
        for path in self.watcher.hidden:  # git passes over what it can't look at
            self.dirty.update(path for path, _ in walk(state.tree, state.repo.objects.tree, path))
        _pointers(self)
        _missing_of_lag(self)
        self.resumed = Underway(state).resume(self.dirty)
        if self.resumed is not None:
            self.dirty.difference_update(change.path for change in self.resumed.changes)
        if self.running.machine_stopped:
            state.gate.suspect({path for path in self.dirty if _was_emptied(state, path)})  # I8
        self.running.begin()

    def _differences(self) -> Differences:
        git = self.state.repo.git
        if self.watcher.all_as_listed:
            found = Differences(changed=changed_files(git))
            if self.settled.holds():  # I21: after git looked
                return found
        return compare(git, self.state.tree or self.state.repo.format.empty_tree)

    def close(self) -> None:
        """Let go of everything. Blocking."""
        self.watcher.close()
        self.running.end()
        self.state.work_tree.close()
        self.state.repo.close()


def open_folder(root: Path, board: Board) -> Opened:
    """Open a folder that `up` has made ready, and watch it. Objects that it stands on and that are damaged
    are had again from its remotes. Raises InstepError with the way out."""
    try:
        opened = _open(root, board)
    except GitError as error:
        mended = _mend(Repository.open(root), error)
        opened = _open(root, board)
        opened.mended += mended
    mender = Mender(opened.state.repo.git_dir)
    opened.mended += mender.noted()
    mender.keep_config()
    return opened


def _mend(repo: Repository, error: GitError) -> list[str]:
    """What was mended, and why; raises the error if nothing could be."""
    mended = mend_objects(repo, repo.config.remotes().values())
    if not mended:
        raise error
    return [error.text, *mended]


def _open(root: Path, board: Board) -> Opened:
    repo = Repository.open(root)
    shutil.rmtree(repo.staging, ignore_errors=True)  # what a killed process had written aside
    for objection in check_supported(repo):
        raise objection
    branch = branch_of(repo.git_dir, repo.config)  # while none is checked out, the steps wait
    annex_branch = AnnexBranch(repo)
    state = FolderState(
        repo=repo,
        uuid=uuid_of(repo),
        branch=branch,
        head=repo.refs.read(f"refs/heads/{branch}"),
        store=AnnexStore(repo),
        settings=read_settings(repo, annex_branch),
        work_tree=WorkTree(repo.root, repo.private),
        ignore=IgnoreRules.of(repo),
        board=board,
    )
    state.preferences = read_preferences(annex_branch, repo.config, state.uuid)
    repo.sync()  # I10: what git and git-annex did while nothing ran here
    if unfinished(repo.git_dir) is None:
        Following(state).catch_up()
    watcher = watcher_of(state)
    watcher.watch_git(repo.git_dir)
    settled = SettledBook(state)
    running = RunningMark(repo.private + b"/running")
    watcher.start({} if running.machine_stopped else settled.read())
    return Opened(state, watcher, annex_branch, running, settled)


def watcher_of(state: FolderState) -> TreeWatcher:
    """As git's setting `instep.watch` wants it: `kernel` (believe what it tells), `look` (look only), `both`.
    By default both where other computers can write, who are not told of, else what the kernel tells."""
    way = state.repo.config.get("instep.watch")
    remote = syscalls.filesystem_magic(state.work_tree.root_fd) in SHARED
    return TreeWatcher(
        state.work_tree.root,
        state.skip,
        state.work_tree.grain,
        Deaf() if way == "look" else None,
        unreliable=way == "both" or (remote and way != "kernel"),
    )


def _was_emptied(state: FolderState, path: RelPath) -> bool:
    tracked = lookup(state.tree, path, state.repo.objects.tree)
    if tracked is None or tracked.is_tree or tracked.oid == state.repo.format.hash(b"blob", b""):
        return False
    found = stat_beneath(state.work_tree.root_fd, path)
    return found is not None and stat.S_ISREG(found.st_mode) and found.st_size == 0


def _pointers(opened: Opened) -> None:
    """Look for pointers among the files that nobody will look at otherwise. # I7"""
    suspects = PointerBook(opened.state.repo).suspects()
    if suspects is None:
        seen = scan(opened.state.work_tree.root, RelPath(b""), opened.state.skip, pass_over)
        suspects = (path for path, found in seen if found.st_size in POINTER_BYTES)
    for path in suspects:
        if path not in opened.dirty:
            _look_for_pointer(opened, path)


def _late(state: FolderState, differing: Mapping[RelPath, Entry | None]) -> dict[RelPath, Entry | None]:
    """The index entries that some recent commit had at that path, or that are not there. # I27"""
    late: dict[RelPath, Entry | None] = {path: None for path, entry in differing.items() if entry is None}
    left = {path: entry for path, entry in differing.items() if entry is not None}
    recent = _recent(state)
    while left and (commit := next(recent, None)) is not None:
        tree = state.tree_of(commit)
        had = {path for path, entry in left.items() if lookup(tree, path, state.repo.objects.tree) == entry}
        late |= {path: left.pop(path) for path in had}
    return late


def _recent(state: FolderState) -> Iterator[Oid]:
    """Commits that the branch may have stood at here, the newest first. Of a merge, any parent may be the
    one: their order is the same on all sides (I14)."""
    queue = deque([] if state.head is None else [state.head])
    seen = set(queue)
    for _ in range(RECENT_COMMITS):
        if not queue:
            return
        commit = queue.popleft()
        yield commit
        parents = [oid for oid in state.repo.objects.commit(commit).parents if oid not in seen]
        seen.update(parents)
        queue.extend(parents)


def _look_for_pointer(opened: Opened, path: RelPath) -> None:
    try:
        with open(os.path.join(opened.state.work_tree.root, path), "rb") as file:
            key = key_of_pointer(file.read(POINTER_BYTES.stop))
    except OSError:
        return
    if key is None:
        return
    if opened.state.store.has(key):
        opened.unpopulated.add(path)
        opened.present.add(key)  # I11
    else:
        opened.missing[key].add(path)


def _missing_of_lag(opened: Opened) -> None:
    state = opened.state
    for path, lag in state.lag.paths.items():
        entry = lookup(state.tree, path, state.repo.objects.tree)
        key = state.key_of(entry) if entry is not None else None
        if lag.cause is Cause.CONTENT and key is not None:
            if state.store.has(key):
                opened.present.add(key)  # I11
            else:
                opened.missing[key].add(path)
