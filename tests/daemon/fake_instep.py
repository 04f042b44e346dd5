"""`instep` with a folder's work that is made up: for tests of processes and of the command line.

What the folder does is said by files in it: REFUSE (can't be kept in step), CRASH (fails before it is
ready), DIE (the process ends before it is ready), BUSY (never in step).
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import anyio

from instep.cli.main import main
from instep.cli.wiring import Wiring
from instep.core.errors import InstepError
from instep.daemon.__main__ import background
from instep.daemon.board import StatusBoard
from instep.daemon.connect import Remotes
from instep.daemon.service import ServiceReady
from tests.daemon.fake_service import FakeService

COMMAND = (sys.executable, __file__, "background")


async def run_folder(root: Path, board: StatusBoard, ready: ServiceReady) -> None:
    """Answers everything, does nothing."""
    told = await anyio.to_thread.run_sync(os.listdir, root)
    if "REFUSE" in told:
        raise InstepError("This folder is refused.", "Do as the test says.")
    if "CRASH" in told:
        raise RuntimeError("crashed as the test wants it")
    if "DIE" in told:
        print("last words", file=sys.stderr, flush=True)
        os._exit(3)
    board.pending("changes to commit", 1 if "BUSY" in told else 0)

    def show_remotes() -> None:
        config = Remotes(root).config()
        for remote in board.status().remotes:
            if remote.name not in config.remotes():
                board.remote_gone(remote.name)
        for name, url in config.remotes().items():
            board.remote(name, url=url, paused=name in config.paused_remotes())

    for name, url in Remotes(root).config().remotes().items():
        board.remote(name, url=url, reachable=True, in_step=True)
    board.log("test", f"Looked at {len(told)} names", names=len(told))
    ready(FakeService(board, show_remotes))
    await anyio.sleep_forever()


if __name__ == "__main__":
    if sys.argv[1:2] == ["background"]:
        sys.exit(background(sys.argv[2], sys.argv[3], run_folder))
    main(Wiring(background=COMMAND, run_folder=lambda: run_folder))
