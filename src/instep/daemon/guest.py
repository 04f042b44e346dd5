"""A clone that is a remote, and where nothing runs, is kept by a guest: an ordinary process of that clone.

The host, whose remote it is, starts it (`start_guest`) and calls it like any other folder. A guest calls
nobody and starts nobody, so no two guests keep each other there; when its last caller is gone, however that
ended, it goes too. The folder's lock decides who keeps a folder: of two guests the first, and a guest gives
way to the folder's own process and to git-annex's assistant.
"""

import os
import threading
from contextlib import suppress
from pathlib import Path

import anyio
import anyio.to_thread

from instep.core.errors import InstepError
from instep.daemon.lock import AlreadyRunning, FolderLock, assistant, holder
from instep.daemon.places import git_dir_of, is_guest, is_stopped, lock_file, mark_guest, mark_stopped
from instep.daemon.process import BACKGROUND, StartFailed, Starting, end

GUEST_OF = "--guest-of="
"""How the command of a background process says that, before the host. One word, so that whoever looks for the
processes of the host by its name finds only those."""
LEAVE_AFTER_S = 5.0
"""Without a caller; one whose link broke, or who is restarted, is back sooner."""
LOOK_EVERY_S = 5.0
"""Whether the assistant was started."""
_TAKE_OVER_TRIES = 5


class NoGuest(InstepError):
    """Nobody else's process may keep this folder."""


def start_guest(host: Path, root: Path) -> None:
    """Have the folder `root` kept for `host`, as a git-annex repository, which it becomes if it is none.
    Blocks until it answers. Raises InstepError with the sentence why it can't be, OSError."""
    if os.stat(root).st_uid != os.geteuid():
        raise NoGuest(f"{root} belongs to another user, who has to start it.", f"There: instep up {root}")
    try:
        pid = Starting(root, (*BACKGROUND, GUEST_OF + os.fspath(host))).wait()
    except StartFailed:
        git_dir = git_dir_of(root)
        if git_dir is None or holder(git_dir) is None:
            raise
        return  # somebody else was faster
    threading.Thread(target=os.waitpid, args=(pid, 0), daemon=True).start()  # or it would stay as a zombie


def lock_own(root: Path, git_dir: Path) -> FolderLock:
    """Take the lock as the folder's own process, from a guest if one has it. Raises AlreadyRunning,
    StopFailed, OSError."""
    lock = _take_over(root, git_dir)
    mark_guest(git_dir, False)
    mark_stopped(git_dir, False)
    return lock


def _take_over(root: Path, git_dir: Path) -> FolderLock:
    for _ in range(_TAKE_OVER_TRIES):  # in between, the host may have started the next
        try:
            return FolderLock(root, git_dir)
        except AlreadyRunning as other:
            if not is_guest(git_dir):
                raise
            if other.pid:  # else it has ended since
                end(root, other.pid)
    return FolderLock(root, git_dir)


def lock_as_guest(root: Path, git_dir: Path, host: Path) -> FolderLock:
    """Take the lock as a guest, and make the folder one that can be in step with `host`. Raises InstepError
    if it is not to be, OSError."""
    from instep.daemon import adopt  # noqa: PLC0415 - only guests need it
    from instep.daemon.examine import examine, refuse_nested  # noqa: PLC0415
    from instep.daemon.setting_up import SettingUp  # noqa: PLC0415

    refuse_nested([host, root])
    found = examine(root)  # before the lock is ours: it looks who has it, and would drop it by that
    if not adopt.is_known_to_annex(found):  # a person's own project, perhaps, that is nothing but our origin
        raise NoGuest(
            "no instep runs there, and git-annex does not know it", f"Connect them: instep up {host} {root}"
        )
    template = adopt.template_of([adopt.describe(examine(host)), adopt.describe(found)])
    if not lock_file(git_dir).exists():  # before it: one without the mark says that the folder had its own
        mark_guest(git_dir, True)
    lock = FolderLock(root, git_dir)
    try:
        if is_stopped(git_dir):  # `down` writes that down first, and asks who has the lock then
            raise NoGuest(f"{root} was stopped by hand.", f"Start it again: instep up {root}")
        if not found.kind.is_annex:
            with SettingUp(root) as turn:
                adopt.adopt(found, template, None, turn=turn.fd)
    except BaseException:
        lock.release()
        raise
    return lock


async def until_assistant(root: Path) -> None:
    """Return when git-annex's assistant keeps the folder too: two that commit to one work tree would be in
    each other's way."""
    while True:
        await anyio.sleep(LOOK_EVERY_S)
        with suppress(OSError):
            if await anyio.to_thread.run_sync(_has_assistant, root, abandon_on_cancel=True):
                return


def _has_assistant(root: Path) -> bool:
    git_dir = git_dir_of(root)
    return git_dir is not None and assistant(git_dir) is not None
