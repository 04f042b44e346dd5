"""From a folder's path to its work: opened, watched, compared with its branch, and run until cancelled.

git takes a while to compare a large folder, and Python to load the steps: they do it at the same time.
"""

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from instep.daemon.board import StatusBoard
from instep.daemon.service import ServiceReady
from instep.steps.start import Opened, open_folder

if TYPE_CHECKING:
    from instep.daemon.folder import Folder


async def run_folder(root: Path, board: StatusBoard, ready: ServiceReady, *, is_guest: bool = False) -> None:
    """Keep a folder in step until cancelled. `is_guest`: without calling anybody. Raises InstepError if it
    can't be; FolderGone when it went."""
    opened = await anyio.to_thread.run_sync(open_folder, root, board)
    try:
        kind = await anyio.to_thread.run_sync(_compare, opened)
        gc.freeze()  # what lives as long as the process need not be gone through at each collection
        await kind(root, opened, board, is_guest=is_guest).run(ready)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(opened.close)


def _compare(opened: Opened) -> "type[Folder]":
    with ThreadPoolExecutor(1) as beside:
        loading = beside.submit(_load)
        opened.compare()
        return loading.result()


def _load() -> "type[Folder]":
    from instep.daemon.folder import Folder  # noqa: PLC0415

    return Folder
