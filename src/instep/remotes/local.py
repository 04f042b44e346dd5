"""A repository on this machine where no instep answers: refs by git, content natively, changes by inotify.

Content is stored as git-annex itself would: taken into `annex/tmp` under git-annex's own lock, verified,
synced, frozen and renamed to its place. Between calls nothing there is open but inotify watches, which keep
no drive from being unmounted.
"""

import errno
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import anyio

from instep.annex.incoming import IncomingContent
from instep.annex.settings import disk_reserve_bytes
from instep.annex.store import AnnexStore
from instep.core.keys import size_of
from instep.core.types import Key, Oid, RelPath, RemoteUuid
from instep.fs.durable import make_directory
from instep.fs.gitdir import EVERYTHING, GitDirectory
from instep.fs.inotify import IN_Q_OVERFLOW, Inotify
from instep.git.repository import Repository
from instep.git.travel import Pushed, fetch, push
from instep.remotes.aside import Aside
from instep.remotes.errors import RemoteGone
from instep.remotes.stock import Progress

_RECEIVE_PACK = "git -c core.fsync=all receive-pack"
"""git's default syncs packs only, so a ref could name objects that a power cut takes away. # I10"""


class LocalRepository:
    """Implements `StockRemote`. Opening it blocks. Raises NotARepository, OSError."""

    def __init__(self, ours: Repository, name: str, path: Path, aside: Aside) -> None:
        self._ours = ours
        self._name = name
        self._aside = aside
        self._repo = Repository.open(path, visiting=True)
        self._store = AnnexStore(self._repo)
        uuid = self._repo.config.get("annex.uuid")
        self.uuid = RemoteUuid(uuid) if uuid else None
        self.is_bare = self._repo.bare
        self.follows = False
        self.runs_annex = False
        self.lacks = "" if uuid else "remote-without-annex"
        self._inotify = Inotify()
        self._watched = GitDirectory(self._inotify, self._repo.common_dir)

    def refs(self) -> dict[str, Oid]:
        return self._repo.refs.list("refs/heads", "refs/synced")

    def fetch(self, refs: Iterable[str]) -> None:
        fetch(self._ours, self._name, refs)

    def push(self, moves: Mapping[str, Oid], forced: Collection[str] = ()) -> dict[str, Pushed]:
        return push(self._ours, self._name, moves, forced=forced, receive_pack=_RECEIVE_PACK)

    def has(self, key: Key) -> bool:
        return self._store.has(key)

    def get(self, incoming: IncomingContent, progress: Progress) -> bool:
        try:
            file = self._store.open(incoming.key)
        except FileNotFoundError:
            return False
        with file:
            incoming.copy_rest(file.fileno(), progress)
        return True

    def put(self, key: Key, path: RelPath, source: Path, progress: Progress) -> bool:
        if self._store.has(key):
            return True
        incoming = IncomingContent(self._repo.common_dir + b"/annex", key)
        try:
            if incoming.size_bytes:
                incoming.resume(progress)
            self._make_room(key, source, incoming.offset)
            progress(incoming.offset)
            with source.open("rb") as file:
                incoming.copy_rest(file.fileno(), progress)
            if not incoming.finish():
                return False
            make_directory(self._repo.private)
            self._store.put_file(key, incoming.path)
            return True
        finally:
            incoming.close()

    def rest(self) -> None:
        pass

    def check(self) -> None:
        if not os.path.exists(self._repo.common_dir):
            raise RemoteGone("it is not there any more")

    def _make_room(self, key: Key, source: Path, offset: int = 0) -> None:
        """Raises OSError (ENOSPC) where the content would eat into what is to stay free. # I26"""
        need_bytes = (size_of(key) or source.stat().st_size) - offset
        disk = os.statvfs(self._repo.common_dir)
        if need_bytes + disk_reserve_bytes(self._repo.config) > disk.f_bavail * disk.f_frsize:
            raise OSError(errno.ENOSPC, "there is not enough space left")

    async def changed(self) -> None:
        while True:
            await anyio.wait_readable(self._inotify.fileno())
            if "refs" in await self._aside.run(self._heard):
                return

    def _heard(self) -> set[str]:
        events = self._inotify.read()
        kinds = {kind for event in events if (kind := self._watched.take(event))}
        if any(event.mask & IN_Q_OVERFLOW for event in events):  # I21
            self._watched.watch()
            kinds |= EVERYTHING
        if not self._watched.is_there:
            raise RemoteGone("it was moved, deleted or unmounted")
        return kinds

    def cut(self) -> None:
        pass

    def close(self) -> None:
        self._inotify.close()
        self._repo.close()
