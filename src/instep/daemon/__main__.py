"""The process of one folder: `python -m instep.daemon DIR READY_FD`, which `instep up` starts; or a
guest's, which the process of the folder HOST starts: `python -m instep.daemon --guest-of=HOST DIR READY_FD`.

It is no verb of the command line, because what parses that need not be loaded here and stay.
"""

import gc
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from instep.daemon.service import RunFolder


def background(folder: str, ready_fd: str, run_folder: "RunFolder | None" = None) -> int:
    """Keep a folder in step until told to stop; the descriptor is told when it answers, or why not.
    `run_folder`: other work than a folder's."""
    return _run(folder, ready_fd, run_folder=run_folder)


def _run(folder: str, ready_fd: str, *options: str, run_folder: "RunFolder | None" = None) -> int:
    gc.disable()  # what is loaded is no garbage; `daemon.main` turns it on
    from instep.daemon.guest import GUEST_OF  # noqa: PLC0415
    from instep.daemon.main import run_process  # noqa: PLC0415
    from instep.daemon.opening import FolderWork  # noqa: PLC0415
    from instep.daemon.process import may_begin, tell_ready  # noqa: PLC0415

    if not may_begin():
        return 0
    host = Path(options[0].removeprefix(GUEST_OF)) if options else None
    root, tell = Path(folder), partial(tell_ready, int(ready_fd))
    if run_folder is not None:
        return run_process(root, tell, run_folder=run_folder, host=host)
    work = FolderWork(is_guest=host is not None)
    return run_process(root, tell, run_folder=work.run, begin=work.begin, host=host)


if __name__ == "__main__":
    *options, folder, ready_fd = sys.argv[1:]
    sys.exit(_run(folder, ready_fd, *options))
