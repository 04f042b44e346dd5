"""`instep wait`: return when everything is in step."""

import click

from instep.cli.folder import chosen, folder_argument
from instep.core.errors import InstepError
from instep.daemon.client import NotRunning, ask


@click.command("wait")
@folder_argument
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Give up after this long.")
@click.option("--remote", metavar="NAME", help="Only wait for this remote.")
def command(folder: str | None, timeout: float | None, remote: str | None) -> int:
    """Wait until everything that is in DIR now is recorded, and is on every remote that can be reached.

    Exit status 0: it is. 1: time is up, and what is outstanding is said. 2: an error.
    """
    root = chosen(folder)
    try:
        answer = ask(root, "wait", answer_within_s=None, timeout=timeout, remote=remote)
    except NotRunning as error:
        raise InstepError(error.text, error.fix) from None  # 1 would say: time is up
    if answer["done"]:
        return 0
    click.echo("Not in step yet: " + ("; ".join(answer["outstanding"]) or "still checking"), err=True)
    return 1
