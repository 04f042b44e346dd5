"""The process of one folder: `python -m instep.daemon DIR READY_FD`, which `instep up` starts; or a
guest's, which the process of the folder HOST starts: `python -m instep.daemon --guest-of=HOST DIR READY_FD`.

It is no verb of the command line, because what parses that need not be loaded here and stay.
"""

import sys
from functools import partial
from pathlib import Path

from instep.daemon.guest import GUEST_OF
from instep.daemon.main import run_process
from instep.daemon.opening import run_folder
from instep.daemon.process import tell_ready
from instep.daemon.service import RunFolder


def background(folder: str, ready_fd: str, run_folder: RunFolder = run_folder) -> int:
    """Keep a folder in step until told to stop; the descriptor is told when it answers, or why not."""
    return run_process(Path(folder), partial(tell_ready, int(ready_fd)), run_folder=run_folder)


def guest(host: str, folder: str, ready_fd: str) -> int:
    """Keep a folder in step while `host` or others call."""
    run_guest = partial(run_folder, is_guest=True)
    tell = partial(tell_ready, int(ready_fd))
    return run_process(Path(folder), tell, run_folder=run_guest, host=Path(host))


if __name__ == "__main__":
    *options, folder, ready_fd = sys.argv[1:]
    if options:
        sys.exit(guest(options[0].removeprefix(GUEST_OF), folder, ready_fd))
    sys.exit(background(folder, ready_fd))
