"""`instep down`: stop keeping folders in step."""

from pathlib import Path

import click

from instep.cli.folder import chosen, folder_argument
from instep.core.errors import InstepError
from instep.daemon.places import git_dir_of, is_guest, remembered
from instep.daemon.process import stop


@click.command("down")
@folder_argument
@click.option("--all", "every", is_flag=True, help="Stop all folders of yours on this computer.")
def command(folder: str | None, every: bool) -> int:
    """Stop the background process of DIR, cleanly. Its files, history and remotes stay as they are."""
    if every and folder is not None:
        raise click.UsageError("Either name a folder or say --all.")
    if not every:
        root = chosen(folder)
        click.echo(_stopped(root) if stop(root) else f"{root} was not being kept in step; nothing to stop.")
        return 0
    return _stop_all()


def _stop_all() -> int:
    stopped, failed = 0, list[InstepError]()
    for root in sorted(remembered(), key=_has_guest):  # one that is gone may have a process that waits for it
        try:
            if stop(root, for_good=not _has_guest(root)):  # a guest is no folder that a person started
                stopped += 1
                click.echo(_stopped(root))
        except InstepError as error:
            failed.append(error)
    for error in failed:
        click.echo(f"{error.text}\n{error.fix}", err=True)
    if not stopped and not failed:
        click.echo("No folder was being kept in step; nothing to stop.")
    return 2 if failed else 0


def _has_guest(root: Path) -> bool:
    git_dir = git_dir_of(root)
    return git_dir is not None and is_guest(git_dir)


def _stopped(root: Path) -> str:
    return f"{root} is not kept in step any more. Start it again: instep up {root}"
