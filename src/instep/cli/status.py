"""`instep status`: is it in step; with whom not, and why; what is moving."""

import json
import sys
from pathlib import Path

import click

from instep.cli.folder import chosen, folder_argument
from instep.cli.show import change_line, status_lines
from instep.daemon.client import NotRunning, ask, watch


@click.command("status")
@folder_argument
@click.option("--watch", "follow", is_flag=True, help="Stay and show every change.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print facts for programs; with --watch one object per line."
)
def command(folder: str | None, follow: bool, as_json: bool) -> int:
    """Say whether DIR is in step; if not, with which remotes and why; and what is on its way."""
    root = chosen(folder)
    try:
        if follow:
            return _follow(root, as_json)
        status = ask(root, "status")
    except NotRunning:
        if as_json:
            click.echo(json.dumps({"folder": str(root), "in_step": False, "state": "not running"}))
            return 1
        raise
    click.echo(json.dumps(status, indent=2) if as_json else "\n".join(status_lines(status)))
    return 0 if status["in_step"] else 1


def _follow(root: Path, as_json: bool) -> int:
    if sys.stdout.isatty() and not as_json:
        from instep.cli.live import live_view  # noqa: PLC0415 - rich takes 100 ms to load

        live_view(watch(root))
        return 0
    last = ""
    for status in watch(root):
        line = json.dumps(status) if as_json else change_line(status)
        if line != last:
            click.echo(line)
            sys.stdout.flush()
            last = line
    return 0
