"""The hidden verb that another computer runs over ssh to reach a folder: `ssh HOST instep link DIR`."""

import os

import click

from instep.cli.wiring import Wiring


@click.command("link", hidden=True)
@click.argument("folder", metavar="DIR")
@click.pass_obj
def command(wiring: Wiring, folder: str) -> int:
    """Connect whoever started this with the process that keeps DIR in step. For other computers, over ssh."""
    from instep.daemon.hosting import answers  # noqa: PLC0415
    from instep.daemon.near import NearSide  # noqa: PLC0415
    from instep.daemon.places import resolve  # noqa: PLC0415
    from instep.daemon.reception import Reception  # noqa: PLC0415

    root, launch = resolve(folder), wiring.launch()
    source, sink = _pipes()
    return Reception(root, source, sink, launch.start, answers(NearSide(root, launch))).serve()


def _pipes() -> tuple[int, int]:
    """Standard input and output, for the link alone: what anything else reads is empty, and what anything
    else prints goes to standard error."""
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    for fd in (source, sink):
        os.set_blocking(fd, True)
    return source, sink
