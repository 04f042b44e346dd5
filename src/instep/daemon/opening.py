"""From a folder's path to its work: opened, watched, compared with its branch, and run until cancelled.

git takes a while to compare a large folder, and Python to load the event loop and the steps: they do it at
the same time.
"""

import gc
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from instep.daemon.board import StatusBoard
from instep.daemon.service import ServiceReady
from instep.steps.start import Opened, open_folder

if TYPE_CHECKING:
    from instep.daemon.folder import Folder

WATCHED_WITHIN_S = 0.3
"""Python runs one thread at a time: to load while the watches are set gains nothing. A folder that takes long
is not waited for, because nobody who asks is answered meanwhile."""


class FolderWork:
    """One folder's work. `is_guest`: without calling anybody."""

    def __init__(self, *, is_guest: bool = False) -> None:
        self._is_guest = is_guest
        self._begun: Future[Opened] | None = None

    def begin(self, root: Path, board: StatusBoard) -> None:
        """Open, watch and compare the folder from now on; `run` takes it over. Returns when it is watched, or
        takes its time."""
        watched = threading.Event()
        with suppress(RuntimeError):  # no more threads: `run` says so
            self._begun = _open(root, board, watched)
            watched.wait(WATCHED_WITHIN_S)

    async def run(self, root: Path, board: StatusBoard, ready: ServiceReady) -> None:
        """Keep a folder in step until cancelled. Raises InstepError if it can't be; FolderGone when it went,
        after which it can be run again."""
        begun, self._begun = self._begun or _open(root, board, threading.Event()), None
        kind = await anyio.to_thread.run_sync(_load)
        opened = await anyio.to_thread.run_sync(begun.result)
        try:
            gc.freeze()  # what lives as long as the process need not be gone through at each collection
            await kind(root, opened, board, is_guest=self._is_guest).run(ready)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(opened.close)


def _open(root: Path, board: StatusBoard, watched: threading.Event) -> Future[Opened]:
    def look() -> Opened:
        try:
            opened = open_folder(root, board)
        finally:
            watched.set()
        try:
            return opened.compare()
        except BaseException:
            opened.close()
            raise

    threads = ThreadPoolExecutor(1)
    try:
        return threads.submit(look)
    finally:
        threads.shutdown(wait=False)


def _load() -> "type[Folder]":
    from instep.daemon.folder import Folder  # noqa: PLC0415

    return Folder
