"""`instep log`: what it did, newest last."""

import json
import sys
from collections.abc import Iterable

import click

from instep.cli.folder import chosen, folder_argument
from instep.daemon.logbook import Line, for_person, read_lines
from instep.daemon.places import log_file


@click.command("log")
@folder_argument
@click.option("-f", "--follow", is_flag=True, help="Stay and print what comes.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def command(folder: str | None, follow: bool, as_json: bool) -> int:
    """Print what was done in DIR: changes recorded, received and sent, remotes that came and went, faults."""
    path = log_file(chosen(folder))
    if not follow:
        _print(read_lines(path), as_json)
        return 0
    from instep.daemon.follow import follow_lines  # noqa: PLC0415 - loads inotify

    for lines in follow_lines(path):
        _print(lines, as_json)
        sys.stdout.flush()
    return 0


def _print(lines: Iterable[Line], as_json: bool) -> None:
    for line in lines:
        click.echo(json.dumps(line) if as_json else for_person(line))
