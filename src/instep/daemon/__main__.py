"""The process of one folder: `python -m instep.daemon DIR READY_FD`, which `instep up` starts.

It is no verb of the command line, because what parses that need not be loaded here and stay.
"""

import sys
from functools import partial
from pathlib import Path

from instep.daemon.main import run_process
from instep.daemon.opening import run_folder
from instep.daemon.process import tell_ready
from instep.daemon.service import RunFolder


def background(folder: str, ready_fd: str, run_folder: RunFolder = run_folder) -> int:
    """Keep a folder in step until told to stop; the descriptor is told when it answers, or why not."""
    return run_process(Path(folder), partial(tell_ready, int(ready_fd)), run_folder=run_folder)


if __name__ == "__main__":
    sys.exit(background(sys.argv[1], sys.argv[2]))
