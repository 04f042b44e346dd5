"""A folder that is gone: waiting until the same one is back, with nothing of it held. # I8

A drive can be unmounted only when no process has anything of it open; and who moved the folder can have it
kept in step at its new place only when its lock is free. Known again it is by git-annex's uuid.
"""

from pathlib import Path

import anyio
import anyio.to_thread

from instep.core.errors import InstepError
from instep.core.types import RemoteUuid
from instep.daemon.lock import FolderLock
from instep.daemon.places import git_dir_of
from instep.git.process import run_at

LOOK_EVERY_S = 1.0


async def until_back(root: Path, uuid: RemoteUuid, lock: FolderLock) -> None:
    """Return once the folder with this uuid is at `root` and its lock was taken again; it is released now."""
    lock.release()
    while True:
        if await anyio.to_thread.run_sync(_take, root, uuid, lock, abandon_on_cancel=True):
            return
        await anyio.sleep(LOOK_EVERY_S)


def _take(root: Path, uuid: RemoteUuid, lock: FolderLock) -> bool:
    try:
        git_dir = git_dir_of(root)
        if git_dir is None or run_at(bytes(root), "config", "annex.uuid").stdout.strip() != uuid.encode():
            return False
        lock.take(git_dir)
    except (OSError, InstepError):
        return False
    return True
