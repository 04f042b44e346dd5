"""A repository with a work tree that somebody else keeps: stock git-annex, or a person.

Its work tree and its branch are never touched. Content goes in through git-annex itself, which also puts it
into the files that wait for it; a server is started for that and ends when there is nothing more to give.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from instep.annex.errors import AnnexError
from instep.annex.p2p import P2pServer
from instep.core.types import Key, RelPath, RemoteUuid
from instep.fs.durable import sync_path
from instep.git.repository import Repository
from instep.remotes.aside import Aside
from instep.remotes.errors import RemoteGone
from instep.remotes.local import LocalRepository
from instep.remotes.stock import Progress


class KeptRepository(LocalRepository):
    """Implements `StockRemote`. `still_kept` says whether the same one keeps it as when it was opened."""

    def __init__(  # noqa: PLR0917
        self,
        ours: Repository,
        name: str,
        path: Path,
        aside: Aside,
        uuid: RemoteUuid,
        still_kept: Callable[[], bool],
        *,
        follows: bool,
    ) -> None:
        super().__init__(ours, name, path, aside)
        self.follows = follows
        self._our_uuid = uuid
        self._still_kept = still_kept
        self._servers: list[P2pServer] = []
        self._guard = threading.Lock()

    def check(self) -> None:
        super().check()
        if not self._still_kept():
            raise RemoteGone("somebody else keeps it now")

    def put(self, key: Key, path: RelPath, source: Path, progress: Progress) -> bool:
        if not self.has(key):
            self._make_room(key, source)
            with source.open("rb") as file:
                server = self._server()
                try:
                    taken = server.put(key, path, file, progress)
                except BaseException:
                    server.close()
                    raise
            with self._guard:
                self._servers.append(server)
            if not taken:
                if self._store.verify(key, os.fsencode(source)) is False:
                    return False
                raise AnnexError("git-annex there did not take it")
        self._make_durable(key)
        return True

    def _make_durable(self, key: Key) -> None:
        """git-annex syncs nothing. # I10"""
        place = self._store.find(key)
        if place is None:
            raise AnnexError("git-annex there took it and does not have it")
        for _ in range(4):  # the object, its directory, and the two above, which may be new
            sync_path(place)
            place = os.path.dirname(place)

    def _server(self) -> P2pServer:
        with self._guard:
            if self._servers:
                return self._servers.pop()
        return P2pServer(self._repo.root, self._our_uuid)

    def rest(self) -> None:
        with self._guard:
            servers, self._servers = self._servers, []
        for server in servers:
            with suppress(OSError):
                server.close()

    def close(self) -> None:
        super().close()
        self.rest()
