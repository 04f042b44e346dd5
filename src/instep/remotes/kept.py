"""A repository with a work tree that somebody else keeps: stock git-annex, or a person.

Its work tree and its branch are never touched. Content goes in through git-annex itself, which also puts it
into the files that wait for it; a server is started for that and ends when there is nothing more to give.
"""

import os
from collections.abc import Callable
from pathlib import Path

from instep.annex.errors import AnnexError
from instep.annex.p2p import local_server
from instep.annex.p2p_pool import P2pPool
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
        self._still_kept = still_kept
        self._servers = P2pPool(lambda: local_server(self._repo.root, uuid))

    def check(self) -> None:
        super().check()
        if not self._still_kept():
            raise RemoteGone("somebody else keeps it now")

    def put(self, key: Key, path: RelPath, source: Path, progress: Progress) -> bool:
        if not self.has(key):
            self._make_room(key, source)
            with source.open("rb") as file, self._servers.one() as server:
                taken = server.put(key, path, file, progress)
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

    def rest(self) -> None:
        self._servers.rest()

    def cut(self) -> None:
        self._servers.kill()

    def close(self) -> None:
        super().close()
        self._servers.close()
