"""The hidden verb that is a folder's background process; `instep up` starts it."""

from functools import partial
from pathlib import Path

import click

from instep.cli.wiring import Wiring
from instep.daemon.main import run_process
from instep.daemon.process import tell_ready


@click.command("background", hidden=True)
@click.argument("folder", metavar="DIR")
@click.option("--ready-fd", type=int, required=True, help="Where to say that the folder answers, or why not.")
@click.pass_obj
def command(wiring: Wiring, folder: str, ready_fd: int) -> int:
    """Keep DIR in step until told to stop."""
    return run_process(Path(folder), partial(tell_ready, ready_fd), run_folder=wiring.run_folder())
