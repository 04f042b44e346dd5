"""One folder's process from start to end: its lock, logbook and board, then the event loop (`daemon.loop`).

What the loop needs takes Python a while to load, so the folder's first look can begin before (`Begin`): git
compares meanwhile.
"""

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

from instep.core.errors import InstepError
from instep.core.status import shown
from instep.daemon.board import StatusBoard
from instep.daemon.guest import lock_as_guest, lock_own
from instep.daemon.lock import FolderLock
from instep.daemon.logbook import Logbook
from instep.daemon.places import NoFolderHere, git_dir_of, log_file, remember
from instep.daemon.service import RunFolder
from instep.daemon.told import Tell, Told
from instep.remotes.socket_path import socket_path

SWITCH_INTERVAL_S = 0.0005
"""How long a worker thread may keep the event loop waiting for the interpreter: a change's way leads through
both, and Python's usual 5 ms would be felt at each turn."""

Begin = Callable[[Path, StatusBoard], None]
"""Starts what the folder's work starts with. Nothing is raised: the work says it."""


def run_process(
    root: Path,
    tell: Tell,
    *,
    run_folder: RunFolder,
    begin: Begin | None = None,
    echo: bool = False,
    host: Path | None = None,
) -> int:
    """Keep the folder in step until told to stop; returns the exit status. `echo`: log to standard error.
    `host`: the folder whose guest this process is (`daemon.guest`); None: it is the folder's own."""
    told = Told(tell)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        os.chdir("/")
        git_dir = git_dir_of(root)
        if git_dir is None:
            raise NoFolderHere(root)
        lock = lock_own(root, git_dir) if host is None else lock_as_guest(root, git_dir, host)
    except (InstepError, OSError) as error:
        told.failed(error)
        return 2
    try:
        remember(root)
        logbook = Logbook(log_file(root), echo=echo)
        try:
            board = StatusBoard(shown(os.fsencode(root)), logbook)
            if begin is not None:
                begin(root, board)
            return _run_loop(root, lock, board, run_folder, told, host)
        finally:
            logbook.close()
    except (InstepError, OSError) as error:
        told.failed(error)
        return 2
    finally:
        lock.release()


def _run_loop(  # noqa: PLR0917
    root: Path, lock: FolderLock, board: StatusBoard, run_folder: RunFolder, told: Told, host: Path | None
) -> int:
    import anyio  # noqa: PLC0415 - as the event loop, after the first look began

    from instep.daemon.loop import Loop  # noqa: PLC0415

    socket = socket_path(root)
    gc.freeze()
    gc.enable()
    try:
        loop = Loop(root, lock, board, run_folder, told, host)
        anyio.run(loop.run, socket)
        return loop.exit_code
    finally:
        socket.unlink(missing_ok=True)
