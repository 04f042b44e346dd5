"""What an installation displaced and somebody still wrote to: kept as a file of its own (I1).

A displaced file that did not change is in the history and goes after a moment; one that did gets a variant's
name beside the path that it came from, and is committed like any other file. At the start the same is done
with what a killed process left.
"""

import errno
import io
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

import anyio

from instep.annex.errors import SettingError
from instep.core.pointers import key_of_link, link_target
from instep.core.types import Oid, RelPath
from instep.core.variant import variants
from instep.fs.crash import Point, passed
from instep.fs.displaced import KEEP_S
from instep.fs.durable import Batch, Staged
from instep.fs.install import Reason, Refused, Rescued
from instep.steps.mailbox import Mailbox
from instep.steps.state import FolderState

LOST_NAME = RelPath(b"rescued")


class RescueStep:
    """Settles what was displaced; `put` has a path looked at by the commit step."""

    def __init__(self, state: FolderState, put: Callable[[Iterable[RelPath]], None]) -> None:
        self._state = state
        self._put = put
        self.bell: Mailbox[None] = Mailbox(lambda: None)

    async def run(self) -> None:
        """Work until cancelled."""
        self._put(await self._state.work(lambda: self._keep_all(self._state.work_tree.leftovers())))
        while True:
            await self.bell.take()
            while (due_s := self._state.work_tree.settle_due_s) is not None:
                await self._settle(due_s)

    async def finish(self) -> None:
        """At a clean end: settle what was displaced just now. What somebody writes to still is left to the
        next start."""
        last_s = time.monotonic() + KEEP_S
        while (due_s := self._state.work_tree.settle_due_s) is not None and due_s <= last_s:
            await self._settle(due_s)

    async def _settle(self, due_s: float) -> None:
        await anyio.sleep(max(0.01, due_s - time.monotonic()))
        self._put(await self._state.work(lambda: self._keep_all(self._state.work_tree.settle())))

    def _keep_all(self, rescued: Iterable[Rescued]) -> list[RelPath]:
        """Give each a name in the work tree, unless the history has its content. The new names."""
        return [path for one in rescued if (path := self._keep(one)) is not None]

    def _keep(self, rescued: Rescued) -> RelPath | None:
        state, path = self._state, rescued.path or LOST_NAME
        try:
            oid = self._blob(rescued.file)
            known = state.repo.objects.has(oid) or self._is_annexed(path, rescued.file)
            known = known or self._is_rewritten_link(path, rescued.file)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EISDIR, errno.ELOOP):
                raise
            state.work_tree.discard_leftover(rescued.file)
            return None
        if known:
            state.work_tree.discard_leftover(rescued.file)
            return None
        with Batch(state.staging) as batch:
            is_link = os.path.islink(rescued.file)
            staged = batch.link(os.readlink(rescued.file)) if is_link else batch.share(rescued.file)
            batch.sync()  # I10
            name = self._give_name(path, oid, staged)
        passed(Point.RESCUED)
        state.work_tree.discard_leftover(rescued.file)
        return name

    def _give_name(self, path: RelPath, oid: Oid, staged: Staged) -> RelPath:
        """The first free one beside its path; where none can be given there any more, at the top."""
        for name in variants(path, oid.hex().encode()):
            try:
                self._state.work_tree.create(name, staged)
            except Refused as refused:
                if refused.reason is Reason.EXISTS:
                    continue
                if b"/" in path:
                    return self._give_name(RelPath(path.rpartition(b"/")[2]), oid, staged)
                raise OSError(errno.EIO, str(refused)) from refused
            return name
        raise AssertionError("names never end")

    def _blob(self, file: bytes) -> Oid:
        """The git object that the file would be."""
        with _opened(file) as opened:
            blob = self._state.repo.format.start(b"blob", opened.seek(0, io.SEEK_END))
            for piece in _pieces(opened):
                blob.update(piece)
        return Oid(blob.digest())

    def _is_rewritten_link(self, path: RelPath, file: bytes) -> bool:
        """A link into the annex that was written anew for another depth is in the history as that."""
        key = key_of_link(os.readlink(file)) if os.path.islink(file) else None
        if key is None:
            return False
        repo = self._state.repo
        return repo.objects.has(repo.format.hash(b"blob", link_target(key, path)))

    def _is_annexed(self, path: RelPath, file: bytes) -> bool:
        """Whether the annex has the content. Where a setting keeps that from being told, it is kept."""
        settings = self._state.settings
        try:
            content = settings.new_hash(path)
            with _opened(file) as opened:
                size = opened.seek(0, io.SEEK_END)
                for piece in _pieces(opened):
                    content.update(piece)
            return self._state.store.has(settings.key(size, content.hexdigest(), path))
        except SettingError:
            return False


def _opened(file: bytes) -> BinaryIO:
    return io.BytesIO(os.readlink(file)) if os.path.islink(file) else open(file, "rb")


def _pieces(opened: BinaryIO) -> Iterator[bytes]:
    opened.seek(0)
    while piece := opened.read(1 << 20):
        yield piece
