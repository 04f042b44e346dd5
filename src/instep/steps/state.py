"""What the steps of one folder share, and the one lock that they take turns with.

One writer per repository: whoever moves the branch, writes the work tree or the lag book holds `writer`.
Work that blocks (everything in `git`, `annex`, `fs`) runs in one worker thread at a time under that lock,
so the folder's own state needs no further locking.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import anyio
import anyio.to_thread

from instep.annex.preferences import Preferences
from instep.annex.settings import AnnexSettings
from instep.annex.store import AnnexStore
from instep.core.pointers import MAX_POINTER_BYTES, key_of_link, key_of_pointer
from instep.core.tree import lookup
from instep.core.types import MODE_GITLINK, MODE_LINK, Change, Entry, Key, Oid, RelPath, RemoteUuid
from instep.fs.install import WorkTree
from instep.fs.read import Gone, identify
from instep.git.errors import RefMoved
from instep.git.ignore import IgnoreRules
from instep.git.repository import Repository
from instep.git.sparse import SparseCheckout
from instep.steps.additions import Additions
from instep.steps.copies import LARGE_BYTES, Copies
from instep.steps.crossed import Crossed
from instep.steps.forks import Forks
from instep.steps.gate import Gate
from instep.steps.known import KnownFiles
from instep.steps.lag import LagBook
from instep.steps.mounts import Mounts
from instep.steps.ports import Board
from instep.steps.room import Room
from instep.steps.turns import Turns

R = TypeVar("R")


@dataclass
class FolderState:
    """One folder: what it stands on, where it stands, and who listens when it moves."""

    repo: Repository
    uuid: RemoteUuid
    branch: str
    """The checked-out branch, without `refs/heads/`."""
    head: Oid | None
    """The commit it stands at; None while it is unborn."""
    store: AnnexStore
    settings: AnnexSettings
    work_tree: WorkTree
    ignore: IgnoreRules
    board: Board
    known: KnownFiles = field(default_factory=KnownFiles)
    passed_by: dict[RelPath, tuple[Entry | None, ...]] = field(
        default_factory=dict[RelPath, tuple[Entry | None, ...]]
    )
    """What paths had in commits since the index was last brought up to date: a person's git (reset, checkout,
    stash) may have written it into the index from one of these. For the index step."""
    ahead: set[RelPath] = field(default_factory=set[RelPath])
    """Files that were given their content before the annex has it. The index does not vouch for them: if the
    process ends first, the next start finds them changed, and takes the content in."""
    undecided: dict[RelPath, str] = field(default_factory=dict[RelPath, str])
    """Files that are not added until a setting is understood, and that setting."""
    preferences: Preferences | None = None
    """What is fetched; None: everything."""
    coming: Oid | None = None
    """A commit that is made and on its way to the disk; peers may have it already."""
    tell_coming: Callable[[], object] = field(default=lambda: None)
    """Called (in the worker thread) when `coming` was set."""

    def __post_init__(self) -> None:
        self.lag = LagBook(self.repo.private + b"/lag")
        self.forks = Forks(self.repo)
        self.gate = Gate(self.repo)
        self.mounts = Mounts(self.work_tree.root, self.repo.private + b"/mounts")
        self.turns = Turns(self.repo, self.board)
        self.crossed = Crossed(self.turns)
        self.copies = Copies(self.repo.private + b"/copies")
        self.additions = Additions()
        self.sparse = SparseCheckout(self.repo)
        self.room = Room(self.repo.staging, lambda: self.settings.disk_reserve_bytes, self.board)

    # A start opens the folder before the event loop is loaded, and these two would have it loaded.

    @cached_property
    def writer(self) -> anyio.Lock:
        """Who holds it is the folder's one writer."""
        return anyio.Lock()

    @cached_property
    def gone(self) -> anyio.Event:
        """Set when the folder is not where it was: nothing more is to be done here."""
        return anyio.Event()

    @property
    def branch_ref(self) -> str:
        return f"refs/heads/{self.branch}"

    @property
    def staging(self) -> bytes:
        """Where files are written aside; what lies there at the start is junk."""
        return self.repo.staging

    @property
    def tip(self) -> Oid | None:
        """What is pushed: the newest commit there is, durable here or not yet."""
        return self.coming or self.head

    @property
    def tree(self) -> Oid | None:
        """The tree that the branch stands at."""
        return None if self.head is None else self.tree_of(self.head)

    def tree_of(self, commit: Oid) -> Oid:
        return self.repo.objects.commit(commit).tree

    def check_head(self) -> None:
        """Raises RefMoved if HEAD stands elsewhere than we believe: `follow_branch` first then. # I27"""
        if not self.is_at_head():
            raise RefMoved(self.branch_ref, self.head, self.repo.refs.read(self.branch_ref))

    def is_at_head(self) -> bool:
        """Whether HEAD, and the branch that it names, stand where we believe."""
        refs = self.repo.refs
        return refs.head_branch() == self.branch and refs.read(self.branch_ref) == self.head

    async def work(self, do: Callable[[], R]) -> R:
        """Run blocking work as the folder's one writer, while no git command of a person's changes the work
        tree. It is never abandoned half way.
        """
        async with self.writer:
            await self.turns.wait()  # I27
            self.crossed.begin()
            return await anyio.to_thread.run_sync(do)

    def passes_by(self, changes: Iterable[Change]) -> None:
        """The branch moves, by these changes. An addition needs no note: the index lacks it, as before."""
        for path, old, _ in changes:
            known = self.passed_by.get(path, ())
            if old not in known and (known or old is not None):
                self.passed_by[path] = (*known, old)

    def key_of(self, entry: Entry) -> Key | None:
        """The annex key that an entry of a tree stands for, if it is annexed."""
        if entry.is_tree or entry.mode == MODE_GITLINK:
            return None
        data = self.repo.objects.small(entry.oid, MAX_POINTER_BYTES)
        if data is None:
            return None
        return key_of_link(data) if entry.mode == MODE_LINK else key_of_pointer(data)

    def must_be_copied(self, key: Key) -> bool:
        """Whether content that is here takes long to be put into the work tree, and no copy of it waits."""
        if self.copies.are_instant or self.copies.has(key):
            return False
        if self.settings.thin and self.store.sole_name(key) is not None:
            return False
        return (self.store.size_bytes(key) or 0) >= LARGE_BYTES

    def wants(self, key: Key, path: RelPath) -> bool:
        """Whether this content, which is not here, is to come for the file at this path."""
        return self.preferences is None or self.preferences.wants(key, path)

    @property
    def wants_everything(self) -> bool:
        return self.preferences is None or self.preferences.wants_everything

    def does_without(self, key: Key, path: RelPath) -> bool:
        """Whether the policy, understood, says that the file there has no content. # I7"""
        return self.preferences is not None and self.preferences.does_without(key, path)

    def is_echo(self, path: RelPath) -> bool:
        """Whether the file there is known to be what the branch or an installation put there. # I4

        Never where something lags: that nobody has the unchanged old file open any more is news.
        """
        if path in self.lag:
            return False
        try:
            return (
                self.known.identity(path) is not None
                and self.known.entry(path, identify(self.work_tree.root_fd, path)) is not None
            )
        except (Gone, OSError):
            return False

    def skip(self, path: RelPath, is_dir: bool) -> bool:
        """Whether a scan or a watch passes this name over: what is tracked stays so, ignored or not. # I22"""
        return self.ignore.ignored(path, is_dir) and lookup(self.tree, path, self.repo.objects.tree) is None
