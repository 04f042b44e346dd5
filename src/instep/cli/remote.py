"""`instep remote`: the folder's remotes, one by one."""

import json
from contextlib import suppress
from pathlib import Path

import click

from instep.cli.folder import chosen
from instep.cli.show import Facts, is_starting, remote_words
from instep.daemon.client import NotRunning, ask


@click.group("remote")
def command() -> None:
    """List, add, remove, pause and resume the remotes of a folder."""


@command.command("list")
@click.argument("folder", metavar="[DIR]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print facts for programs.")
def list_remotes(folder: str | None, as_json: bool) -> int:
    """List the remotes of DIR, and how each stands."""
    remotes = _remotes(chosen(folder))
    if as_json:
        click.echo(json.dumps(remotes, indent=2))
        return 0
    width = max((len(remote["name"]) for remote in remotes), default=0)
    for remote in remotes:
        click.echo(f"{remote['name']:<{width}}  {remote_words(remote)}")
    return 0


def _remotes(root: Path) -> list[Facts]:
    reason = "no process is running here"
    with suppress(NotRunning):
        status = ask(root, "status")
        if status["remotes"] or not is_starting(status):
            return status["remotes"]
        reason = "the folder is starting"

    from instep.daemon.connect import Remotes  # noqa: PLC0415 - starts git

    config = Remotes(root).config()
    return [
        {
            "name": name,
            "url": url,
            "reachable": False,
            "in_step": False,
            "paused": name in config.paused_remotes(),
            "reason": reason,
            "outstanding": [reason],
        }
        for name, url in config.remotes().items()
    ]


@command.command("add")
@click.argument("remote", metavar="REMOTE")
@click.option("--dir", "folder", metavar="DIR", help="The folder; by default the one that we are in.")
@click.option("--json", "as_json", is_flag=True, help="Print facts for programs.")
@click.pass_context
def add(ctx: click.Context, remote: str, folder: str | None, as_json: bool) -> int:
    """Connect the folder with REMOTE, both ways: the same as `instep up DIR REMOTE`."""
    from instep.cli.up import command as up  # noqa: PLC0415

    root = chosen(folder)
    return ctx.invoke(up, folder=str(root), remotes=(remote,), name=None, foreground=False, as_json=as_json)


@command.command("remove")
@click.argument("name", metavar="NAME")
@click.option("--dir", "folder", metavar="DIR", help="The folder; by default the one that we are in.")
def remove(name: str, folder: str | None) -> int:
    """Stop keeping the folder in step with the remote NAME. Nothing is deleted, here or there."""
    from instep.daemon.connect import Remotes  # noqa: PLC0415 - starts git

    root = chosen(folder)
    Remotes(root).remove(name)
    _take_up(root)
    click.echo(f"{name} is no remote of {root} any more; its files stay as they are.")
    return 0


@command.command("pause")
@click.argument("name", metavar="NAME")
@click.option("--dir", "folder", metavar="DIR", help="The folder; by default the one that we are in.")
def pause(name: str, folder: str | None) -> int:
    """Leave the remote NAME alone until it is resumed. Changes go on being recorded, and follow then."""
    return _pause(chosen(folder), name, paused=True)


@command.command("resume")
@click.argument("name", metavar="NAME")
@click.option("--dir", "folder", metavar="DIR", help="The folder; by default the one that we are in.")
def resume(name: str, folder: str | None) -> int:
    """Keep the folder in step with the paused remote NAME again."""
    return _pause(chosen(folder), name, paused=False)


def _pause(root: Path, name: str, *, paused: bool) -> int:
    from instep.daemon.connect import Remotes  # noqa: PLC0415 - starts git

    is_new = Remotes(root).pause(name, paused)
    _take_up(root)
    already = "" if is_new else " already"
    if paused:
        click.echo(f"{name} is{already} paused. Go on: instep remote resume {name} --dir {root}")
    else:
        click.echo(f"{name} is{already} kept in step with {root}{'' if is_new else ', it was not paused'}.")
    return 0


def _take_up(root: Path) -> None:
    """Have the folder's process, if there is one, read its remotes now."""
    with suppress(NotRunning):
        ask(root, "remotes-changed")
