"""The second step: what changed becomes a commit.

The mailbox holds the paths to look at. The step takes all of them, has them looked at and committed in
turns, and tells the next steps what came of it.
"""

import random
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

import anyio
import anyio.from_thread
from anyio.abc import TaskGroup

from instep.core.retry import Backoff
from instep.core.status import files, shown
from instep.core.types import RelPath
from instep.fs.identity import Identity
from instep.fs.read import Gone, identify
from instep.git.refs import RefMoved
from instep.steps.adding import Adder
from instep.steps.additions import Addition
from instep.steps.ages import Ages, capture_after_s
from instep.steps.committer import Committed, Committer
from instep.steps.mailbox import Mailbox
from instep.steps.state import FolderState

WAVE_LIMIT_S = 5.0
"""A wave of deletions is judged after this time, though other work never ends."""
AGAIN_S = 0.25
"""A file that changed while it was read is looked at again after this time."""
CLOSING_S = (0.02, 0.1, 0.4)
"""The kernel tells of a closing a moment before the file counts as closed, and then no more: a file that was
still open is looked at again after these times, and a folder that waits for that is not idle."""
CLOSED_LATE_S = (1.6, 6.4, 25.6)
"""... and then after these, for a machine that is very busy."""


@dataclass
class Dirty:
    """What waits to be looked at: paths, and directories whose whole subtree is in question."""

    paths: set[RelPath] = field(default_factory=set[RelPath])
    scans: set[RelPath] = field(default_factory=set[RelPath])


class CommitStep:
    """The task around the committer: takes what waits, commits it in turns, tells the next steps."""

    def __init__(
        self,
        state: FolderState,
        committer: Committer,
        tell: Callable[[Committed], None],
        changed: Callable[[], None],
        ages: Ages | None = None,
    ) -> None:
        self._state = state
        self._committer = committer
        self._tell = tell
        self._changed = changed
        self.mailbox: Mailbox[Dirty] = Mailbox(Dirty)
        self.busy = False
        """Whether something was taken that is not committed yet."""
        self.still_open: set[RelPath] = set()
        self._taken = Dirty()
        """What was taken and waits for the folder's one writer."""
        self._queue: deque[RelPath] = deque()
        self._branch_moved = False
        self._closing: set[RelPath] = set()
        """Open files that may have been closed already, and are looked at again."""
        self._unread: set[RelPath] = set()
        self._later = 0
        self._failures = 0
        self._adder = Adder(state)
        self._ages = ages or Ages(lambda: capture_after_s(state.repo.config))
        self._aging = anyio.Event()
        self._tasks: TaskGroup | None = None
        self._judging = False

    def put(self, paths: Iterable[RelPath] = (), scans: Iterable[RelPath] = ()) -> None:
        """Have these looked at."""
        self.mailbox.content.paths.update(paths)
        self.mailbox.content.scans.update(scans)
        if self.mailbox.content.paths or self.mailbox.content.scans:
            self.mailbox.ring()

    def put_open(self, paths: Iterable[RelPath]) -> None:
        """A merge found these open for writing, and said so: their closing is to be noticed here. # I29"""
        found = set(paths)
        self.still_open |= found
        self.put(found)

    def put_busy(self, paths: Iterable[RelPath]) -> None:
        """Some program writes these. # I9 I29"""
        self._ages.note(paths)
        self._mind_ages()

    def check_branch(self) -> None:
        """Somebody else may have moved the branch."""
        self._branch_moved = True
        self.mailbox.ring()

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be committed. A file that some program has open does not count."""
        return (
            not self.busy and not self.mailbox.waiting and not self._later and not self._state.additions.busy
        )

    def seen(self, read: Callable[[], None]) -> set[RelPath]:
        """Paths and directories that nobody has looked at yet, for the writer in its thread. `read` first
        takes in what the kernel has told."""

        def look() -> set[RelPath]:
            read()
            waiting = (self.mailbox.content, self._taken)
            return {*self._queue, *(path for dirty in waiting for path in (*dirty.paths, *dirty.scans))}

        return anyio.from_thread.run_sync(look)

    @property
    def waiting(self) -> int:
        """How many paths and directories are known to be looked at."""
        box = self.mailbox.content
        return len(self._queue) + len(box.paths) + len(box.scans)

    async def run(self) -> None:
        """Work until cancelled. After a failure the next run goes on with what was left."""
        self._state.additions.reset()
        self._state.additions.enabled = True
        self.put(await self._state.work(self._state.gate.give_back))
        try:
            async with anyio.create_task_group() as self._tasks:
                self._tasks.start_soon(self._watch_ages)
                while True:
                    if not self._queue:
                        self.busy = False
                        self._state.board.activity("commit", None)
                        self._changed()
                        await self._take()
                    await self._turn(self._tasks)
        finally:
            self._tasks = None  # a merge may commit meanwhile

    async def _take(self) -> None:
        dirty = self._taken = await self.mailbox.take()
        self.busy = True
        try:
            if self._branch_moved:
                dirty.paths |= await self._state.work(self._committer.follow_branch)
                self._branch_moved = False
            self._queue = deque(sorted(dirty.paths))
            if dirty.scans:
                self._queue.extend(await self._state.work(lambda: self._committer.expand(dirty.scans)))
        except BaseException:
            self._queue.clear()
            self.put(dirty.paths, dirty.scans)
            raise
        finally:
            self._taken = Dirty()

    async def _turn(self, tasks: TaskGroup) -> None:
        waiting = list(self._queue)
        if len(waiting) > 1:
            self._state.board.activity("commit", f"looking at {len(waiting)} files")
        insisted = frozenset(self._ages.insisted)
        try:
            done = await self._state.work(lambda: self._committer.commit(self._queue, insisted=insisted))
        except RefMoved:
            self._queue = deque(waiting)
            self._queue.extend(await self._state.work(self._committer.follow_branch))
            return
        except BaseException:
            self._queue = deque(waiting)
            raise
        self._unread |= done.unreadable.keys()
        looked = set(waiting[: len(waiting) - len(self._queue)])
        self._state.additions.settle(looked)
        looked -= done.large.keys()
        self._ages.looked(looked, done.still_open | done.again, done.captured)
        self._mind_ages()
        done.closed &= self.still_open | self._unread
        self.still_open = (self.still_open - looked) | done.still_open
        self._unread -= done.closed
        self._note_undecided(looked, done)
        if fresh := done.still_open - self._closing:
            self._closing |= fresh
            self._later += 1
            tasks.start_soon(self._see_closing, fresh)
        if done.again:
            self._later += 1
            tasks.start_soon(self._put_later, done.again)
        self._failures = self._failures + 1 if done.failing else 0
        if done.failing:
            tasks.start_soon(self._put_much_later, done.failing)
        self._tell(done)

    def decide_again(self) -> None:
        """Settings changed: what waited for one is looked at again. # I22"""
        self.put(self._state.undecided)

    def _note_undecided(self, looked: set[RelPath], done: Committed) -> None:
        """Say which settings files wait for, as long as one does."""
        waiting, board = self._state.undecided, self._state.board
        before = {setting for path in looked if (setting := waiting.pop(path, None)) is not None}
        for path, error in done.undecided.items():
            waiting[path] = error.setting
            board.raise_condition("setting-not-understood", error.setting, error.text)
        if (trouble := self._state.settings.trouble) is not None:
            before.discard(trouble.setting)
        for setting in before.difference(waiting.values()) if before else ():
            board.clear_condition("setting-not-understood", setting)

    def _mind_ages(self) -> None:
        if self._ages:
            self._aging.set()

    async def _watch_ages(self) -> None:
        while True:
            await self._aging.wait()
            await anyio.sleep(self._ages.pause_s)
            self.put(self._ages.due(self._identify))
            if not self._ages:
                self._aging = anyio.Event()

    def _identify(self, path: RelPath) -> Identity | None:
        try:
            return identify(self._state.work_tree.root_fd, path)
        except (Gone, OSError):
            return None

    def mind_gate(self) -> None:
        """Something was looked at, or came: say what is held, and judge it when the wave is over. # I8"""
        gate, board = self._state.gate, self._state.board
        if gate.held:
            board.raise_condition("mass-deletion", "", _example(gate.held))
        else:
            board.clear_condition("mass-deletion")
        if gate.emptied:
            board.raise_condition("mass-truncation", "", _example(gate.emptied))
        else:
            board.clear_condition("mass-truncation")
        if gate.is_undecided(self._state.tree) and not self._judging and self._tasks is not None:
            self._judging = True
            self._later += 1
            self._tasks.start_soon(self._judge)

    async def _judge(self) -> None:
        state = self._state
        try:
            with anyio.move_on_after(WAVE_LIMIT_S):
                await self._wave_to_end()
            self.put(await state.work(lambda: state.gate.decide(state.tree)))
        finally:
            self._judging = False
            self._later -= 1
        self.mind_gate()
        self._changed()

    async def _wave_to_end(self) -> None:
        while True:
            await anyio.sleep(max(self._state.gate.due_s, AGAIN_S / 10))
            if not (self._state.gate.due_s or self._queue or self.mailbox.waiting):
                return

    def add(self, large: Mapping[RelPath, Identity]) -> None:
        """Have these large files read into the annex; then they are looked at again."""
        if self._tasks is None:
            self.put(large)
            return
        for path, identity in large.items():
            addition = self._state.additions.put(path, identity, insist=path in self._ages.insisted)
            if addition is not None:
                self._tasks.start_soon(self._add, path, addition)

    async def _add(self, path: RelPath, addition: Addition) -> None:
        await self._adder.add(path, addition)
        self.put([path])

    async def _put_much_later(self, paths: set[RelPath]) -> None:
        """What the disk fails to read is tried again, the more seldom the longer it fails. # I26"""
        await anyio.sleep(Backoff().delay_s(self._failures - 1, random.random()))
        self.put(paths)

    async def _see_closing(self, paths: set[RelPath]) -> None:
        try:
            try:
                await self._put_open_again(paths, CLOSING_S)
            finally:
                self._later -= 1
            self._changed()
            await self._put_open_again(paths, CLOSED_LATE_S)
        finally:
            self._closing -= paths

    async def _put_open_again(self, paths: set[RelPath], delays_s: Iterable[float]) -> None:
        for delay_s in delays_s:
            await anyio.sleep(delay_s)
            self.put(paths & self.still_open)

    async def _put_later(self, paths: set[RelPath]) -> None:
        try:
            await anyio.sleep(AGAIN_S)
        finally:  # if the step fails meanwhile too: nothing else will tell of them
            self._later -= 1
            self.put(paths)


def _example(paths: Collection[RelPath]) -> str:
    return f"{files(len(paths))}, {shown(min(paths))} among them"
