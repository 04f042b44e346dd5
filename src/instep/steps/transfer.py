"""The fifth step: content comes to where it is wanted.

The receiver asks. What the branch names and the annex lacks is wanted; each link asks its peer for a few
keys at a time, small ones first, and takes them in piece by piece. A key's content is verified before it is
stored, durable before it is counted (I10, I11), and then handed to the merge step, which puts it into the
work tree (I7).
"""

import hashlib
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import BinaryIO

import anyio
import anyio.to_thread

from instep.core.keys import hash_of, key_file, new_hash, size_of
from instep.core.status import shown
from instep.core.types import Key, RelPath
from instep.fs.crash import Point, passed
from instep.remotes.errors import LinkError, ProtocolError
from instep.remotes.frames import Cancel, Content, NoContent, Want
from instep.steps.mailbox import Mailbox
from instep.steps.session import Session
from instep.steps.state import FolderState

AT_ONCE = 8
"""Keys asked of one peer at a time."""
PIECE_BYTES = 512 << 10


@dataclass
class Wanted:
    """Content that the folder lacks, and the paths that wait for it."""

    key: Key
    size_bytes: int | None
    paths: set[RelPath] = field(default_factory=set[RelPath])
    refused_by: set[str] = field(default_factory=set[str])
    asked: str | None = None


class Download:
    """One key being taken in. Its file stays when it is cut, and the next try goes on from there."""

    def __init__(self, wanted: Wanted, directory: bytes) -> None:
        name = hashlib.sha256(key_file(wanted.key)).hexdigest().encode()
        self.wanted = wanted
        self.path = os.path.join(directory, name)
        self._file = open(self.path, "a+b")  # noqa: SIM115
        algorithm = hash_of(wanted.key)
        self._expected = algorithm[1] if algorithm else None
        self._hash = new_hash(algorithm[0]) if algorithm else None
        self.offset = self._resume()

    def _resume(self) -> int:
        self._file.seek(0)
        while piece := self._file.read(1 << 20):
            self._update(piece)
        return self._file.tell()

    def _update(self, data: bytes) -> None:
        if self._hash is not None:
            self._hash.update(data)

    def write(self, frame: Content) -> None:
        """Take the next piece. Raises ProtocolError if it is not the next, OSError when the disk refuses."""
        if frame.offset != self.offset:
            raise ProtocolError("Content came out of order.")
        self._file.write(frame.data)
        self._update(frame.data)
        self.offset += len(frame.data)
        passed(Point.PIECE_WRITTEN)

    def finish(self) -> bool:
        """All pieces are here: make them durable. False (and the file is gone) if they are not the key's."""
        good = self.wanted.size_bytes in (None, self.offset)
        if self._hash is not None:
            good = good and self._hash.hexdigest() == self._expected
        self._file.flush()
        if good:
            os.fsync(self._file.fileno())  # I10
            passed(Point.DOWNLOADED)
        self._file.close()
        if not good:
            os.unlink(self.path)
        return good

    def cut(self) -> None:
        """The link ended: keep what came."""
        self._file.close()


class TransferStep:
    """What is wanted, who was asked, and what is asked of us."""

    def __init__(
        self,
        state: FolderState,
        landed: Callable[[Key, set[RelPath]], None],
        changed: Callable[[], None],
    ) -> None:
        self._state = state
        self._landed = landed
        self._changed = changed
        self._directory = state.repo.private + b"/incoming"
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        self._wanted: dict[Key, Wanted] = {}
        self._downloads: dict[tuple[str, int], Download] = {}
        self._next_want = 0
        self.bells: dict[str, Mailbox[None]] = {}
        self._serving: dict[str, Mailbox[dict[int, Want]]] = {}

    @property
    def missing(self) -> int:
        """How many keys are wanted and not here."""
        return len(self._wanted)

    @property
    def missing_bytes(self) -> int:
        return sum(wanted.size_bytes or 0 for wanted in self._wanted.values())

    @property
    def missing_paths(self) -> list[RelPath]:
        return sorted(path for wanted in self._wanted.values() for path in wanted.paths)

    def want(self, wanted: Mapping[Key, Iterable[RelPath]]) -> None:
        """The content of these keys is to come to these paths: fetched, unless it is here already."""
        for key, paths in wanted.items():
            if self._state.store.has(key):
                self._landed(key, set(paths))
                continue
            entry = self._wanted.setdefault(key, Wanted(key, size_of(key)))
            entry.paths.update(paths)
            entry.refused_by.clear()
        self._ring()

    def changed(self, paths: Iterable[RelPath]) -> None:
        """These paths have another version now: what they waited for is wanted by others only, or by none."""
        gone = set(paths)
        for key, wanted in list(self._wanted.items()):
            wanted.paths -= gone
            if not wanted.paths and wanted.asked is None:
                del self._wanted[key]

    def have(self, keys: Iterable[Key]) -> None:
        """These keys are here now, however they came."""
        for key in keys:
            wanted = self._wanted.pop(key, None)
            if wanted is not None:  # whatever becomes of a download that is under way
                self._landed(key, wanted.paths)
        self._changed()

    def offered(self, name: str) -> None:
        """That peer may have content now that it lacked before."""
        for wanted in self._wanted.values():
            wanted.refused_by.discard(name)
        self._ring()

    def _ring(self) -> None:
        for bell in self.bells.values():
            bell.ring()
        self._changed()

    # -- asking ---------------------------------------------------------------------------------------

    async def serve(self, session: Session) -> None:
        """Ask this peer and answer it, as long as its link lives."""
        name = session.name
        self.bells[name] = Mailbox(lambda: None)
        self._serving[name] = Mailbox(dict[int, Want])
        self.offered(name)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_until_the_end, self._ask, session)
                tasks.start_soon(_until_the_end, self._answer, session)
        finally:
            del self.bells[name], self._serving[name]
            self._cut(name)
            self._ring()

    def _cut(self, name: str) -> None:
        for ident in [ident for ident in self._downloads if ident[0] == name]:
            self._end(ident).cut()

    def _end(self, ident: tuple[str, int]) -> Download:
        download = self._downloads.pop(ident)
        download.wanted.asked = None
        self._state.board.transfer_done(f"{ident[0]}/{ident[1]}")
        return download

    async def _ask(self, session: Session) -> None:
        name = session.name
        while True:
            await self.bells[name].take()
            while sum(asked[0] == name for asked in self._downloads) < AT_ONCE:
                wanted = self._next(name)
                if wanted is None:
                    break
                wanted.asked = name
                try:
                    download = await anyio.to_thread.run_sync(Download, wanted, self._directory)
                except BaseException:  # the link ended just now, or the disk refuses
                    wanted.asked = None
                    raise
                self._next_want += 1
                self._downloads[name, self._next_want] = download
                await session.link.send(Want(self._next_want, wanted.key, download.offset))

    def _next(self, name: str) -> Wanted | None:
        open_ = [w for w in self._wanted.values() if w.asked is None and name not in w.refused_by]
        return min(open_, key=lambda wanted: (wanted.size_bytes or 0, wanted.key), default=None)

    async def take(self, session: Session, frame: Content | NoContent) -> None:
        """An answer came."""
        ident = (session.name, frame.id)
        download = self._downloads.get(ident)
        if download is None:
            return
        if isinstance(frame, NoContent):
            download.wanted.refused_by.add(session.name)
            self._end(ident).cut()
            self._ring()
            return
        await anyio.to_thread.run_sync(download.write, frame)
        if not frame.last:
            self._progress(ident, download, frame.total)
            return
        good = await anyio.to_thread.run_sync(self._finish, download)
        self._end(ident)
        if good:
            self._state.board.clear_condition("content-corrupt", shown(download.wanted.key))
            wanted = self._wanted.pop(download.wanted.key, download.wanted)
            self._landed(wanted.key, wanted.paths)
        else:
            download.wanted.refused_by.add(session.name)
            self._state.board.raise_condition("content-corrupt", shown(download.wanted.key), session.name)
        self._ring()

    def _finish(self, download: Download) -> bool:
        if not download.finish():
            return False
        self._state.store.put_file(download.wanted.key, download.path)
        return True

    def _progress(self, ident: tuple[str, int], download: Download, total_bytes: int) -> None:
        path = min(download.wanted.paths, default=RelPath(download.wanted.key))
        self._state.board.transfer(
            f"{ident[0]}/{ident[1]}",
            remote=ident[0],
            path=shown(path),
            direction="receive",
            done_bytes=download.offset,
            total_bytes=total_bytes,
        )

    # -- answering ------------------------------------------------------------------------------------

    def asked(self, session: Session, frame: Want | Cancel) -> None:
        """The peer wants something of us, or doesn't any more."""
        box = self._serving.get(session.name)
        if box is None:
            return
        if isinstance(frame, Want):
            box.content[frame.id] = frame
            box.ring()
        else:
            box.content.pop(frame.id, None)

    async def _answer(self, session: Session) -> None:
        box = self._serving[session.name]
        while True:
            for want in (await box.take()).values():
                await self._send(session, want)

    async def _send(self, session: Session, want: Want) -> None:
        try:
            file = await anyio.to_thread.run_sync(self._state.store.open, want.key)
        except OSError as error:
            await session.link.send(NoContent(want.id, error.strerror or "not here"))
            return
        with file:
            try:
                await self._send_pieces(session, want, file)
            finally:
                self._state.board.transfer_done(f"{session.name}/to/{want.id}")

    async def _send_pieces(self, session: Session, want: Want, file: BinaryIO) -> None:
        total = os.fstat(file.fileno()).st_size
        end = min(total, want.offset + want.limit_bytes)
        await anyio.to_thread.run_sync(file.seek, want.offset)
        offset = want.offset
        while True:
            data = await anyio.to_thread.run_sync(file.read, max(0, min(PIECE_BYTES, end - offset)))
            last = offset + len(data) >= end or not data
            await session.link.send(Content(want.id, offset, total, data, last))
            offset += len(data)
            if last:
                return
            self._state.board.transfer(
                f"{session.name}/to/{want.id}",
                remote=session.name,
                path=shown(want.key),
                direction="send",
                done_bytes=offset,
                total_bytes=total,
            )


async def _until_the_end(do: Callable[[Session], Awaitable[None]], session: Session) -> None:
    with suppress(LinkError):  # whoever reads the link hears of its end too
        await do(session)
