"""Large files on their way into the annex, beside the folder's one writer.

Reading, hashing and copying a large file takes seconds, in which no small change should wait. A look that
meets a large file leaves it to this; when it is in the annex's staging, the path is looked at again, and the
content is taken if the file is still the one that was read (I9).
"""

import time
from dataclasses import replace

import anyio

from instep.annex.errors import SettingError
from instep.annex.store import StagedContent
from instep.core.status import shown
from instep.core.types import RelPath
from instep.fs.durable import Batch
from instep.fs.pour import Progress
from instep.fs.read import ChangedMeanwhile, Gone, NotCaptured, identify
from instep.steps.additions import Addition
from instep.steps.state import FolderState
from instep.steps.stoppable import run_stoppable

AT_ONCE = 2
"""Large files read at a time: more only make the disk seek."""


class Adder:
    """Carries additions out."""

    def __init__(self, state: FolderState) -> None:
        self._state = state
        self._turn = anyio.Semaphore(AT_ONCE)

    async def add(self, path: RelPath, addition: Addition) -> None:
        """Reads the file into the annex's staging, durably; what keeps it from that is noted. While there is
        no space for it, that is said, and tried again."""
        async with self._turn:
            try:
                await self._state.room.make(
                    path, lambda: self._need_bytes(path), lambda: self._read(path, addition)
                )
            except (NotCaptured, OSError, SettingError) as error:
                addition.error = error
            finally:
                if addition.content is None:
                    addition.close()

    def _comes_of_age(self, path: RelPath) -> bool:
        """Waits until the file's identity tells of every later change: whether it does. Blocking."""
        tree = self._state.work_tree
        if tree.grain.hides(identify(tree.root_fd, path), time.time_ns()):
            time.sleep(tree.grain.s)
        return not tree.grain.hides(identify(tree.root_fd, path), time.time_ns())

    def _need_bytes(self, path: RelPath) -> int:
        """What the file takes in the annex; nothing once it is gone."""
        try:
            return identify(self._state.work_tree.root_fd, path).size
        except (Gone, OSError):
            return 0

    async def _read(self, path: RelPath, addition: Addition) -> None:
        state, batch = self._state, Batch(self._state.staging)
        addition.close()
        addition.batch = batch

        def read(progress: Progress) -> StagedContent:
            root = state.work_tree.root_fd
            is_proof = self._comes_of_age(path)
            content = state.store.stage_file(
                root, path, batch, state.settings, insist=addition.insist, progress=progress
            )
            if not is_proof and not addition.insist:
                raise ChangedMeanwhile(path)
            batch.sync()  # I10
            return replace(content, settled=content.settled and is_proof)

        def tell(done: int) -> None:
            percent = min(100, 100 * done // max(1, addition.identity.size))
            state.board.activity("adding", f"reading {shown(path)} ({percent} %)")

        try:
            addition.content = await run_stoppable(read, tell)
            addition.identity = addition.content.identity
        finally:
            state.board.activity("adding", None)
