"""`instep up`: make a folder one that is kept in step, and return when it is being done."""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from instep.cli.wiring import Wiring
from instep.core.errors import InstepError
from instep.daemon.places import NoFolderHere, folder_of, resolve

if TYPE_CHECKING:
    from instep.daemon.bringup import Brought


@click.command("up")
@click.argument("folder", metavar="[DIR]", required=False)
@click.argument("remotes", metavar="[REMOTE]...", nargs=-1)
@click.option("--name", metavar="NAME", help="What this copy is called, here and by its remotes.")
@click.option("--foreground", is_flag=True, help="Stay, and do the work here, for a supervisor like systemd.")
@click.option("--thin", is_flag=True, help="New folders: no second copy of large files; see below.")
@click.option("--json", "as_json", is_flag=True, help="Print facts for programs.")
@click.pass_obj
def command(  # noqa: PLR0917 - click hands them by name
    wiring: Wiring,
    folder: str | None,
    remotes: tuple[str, ...],
    name: str | None,
    foreground: bool,
    thin: bool,
    as_json: bool,
) -> int:
    """Make DIR a folder that is kept in step, with each REMOTE.

    DIR can be a new folder, one with files, a git or a git-annex repository: it is adopted as it is. Each
    REMOTE is a path; if nothing is there, it is made a copy of DIR. If DIR is new and REMOTE holds a
    repository, DIR becomes a copy of that. If both hold files, they are merged and nothing is lost.

    With --thin, a folder that is made now keeps each large file once instead of twice, at the price that the
    old version of a file that is edited in place is gone from that folder.

    Returns as soon as the background processes answer. On a folder that is up already, it adds what is new.
    """
    root = _here() if folder is None else resolve(folder)
    brought = _bring_up(root, remotes, wiring, name=name, start_folder=not foreground, thin=thin)
    if thin:
        click.echo(_thin_words(brought), err=True)
    if foreground:
        return _stay(brought, wiring, as_json)
    click.echo(_facts(brought) if as_json else _words(brought))
    return 0


def _bring_up(
    root: Path, remotes: Sequence[str], wiring: Wiring, *, name: str | None, start_folder: bool, thin: bool
) -> "list[Brought]":
    """The folder's process is started before anything else is loaded, for that it takes a while."""
    with closing(wiring.launch()) as launch:
        if start_folder:
            launch.load_ahead(root)
        from instep.daemon.bringup import bring_up  # noqa: PLC0415

        return bring_up(root, remotes, name=name, start_folder=start_folder, launch=launch, thin=thin)


NEW = ("nothing", "an empty folder", "a plain folder")
"""What a folder that is made now was before."""


def _thin_words(brought: "list[Brought]") -> str:
    """What was chosen, and what it costs."""
    made = [str(one.place) for one in brought if one.was in NEW]
    if not made:
        return "Nothing is made now, so nothing is thin. For a folder of old: git config annex.thin true"
    return (
        f"{' and '.join(made)}: large files are kept once (annex.thin). "
        "The old version of a file that is edited in place is gone there."
    )


def _here() -> Path:
    """The folder that we are in, or else the current directory, to be made one."""
    try:
        return folder_of(Path.cwd())
    except NoFolderHere:
        return Path.cwd()


def _stay(brought: "list[Brought]", wiring: Wiring, as_json: bool) -> int:
    from instep.daemon.main import run_process  # noqa: PLC0415 - loads the event loop

    here = brought[0]
    assert isinstance(here.place, Path)
    failed: list[InstepError] = []

    def tell(message: dict[str, Any]) -> None:
        if "error" in message:
            error = message["error"]
            failed.append(InstepError(error["text"], error["fix"], exit_code=error["exit"]))
            return
        here.pid, here.started = message["pid"], True
        click.echo(_facts(brought) if as_json else _words(brought))

    status = run_process(here.place, tell, run_folder=wiring.run_folder(), echo=True)
    if failed:
        raise failed[0]
    return status


def _facts(brought: "list[Brought]") -> str:
    here, *others = brought
    facts: dict[str, object] = {
        "folder": str(here.place),
        "was": here.was,
        "branch": here.branch,
        "pid": here.pid,
        "started": here.started,
        "waits_for": [text for text, _ in here.waits_for],
        "remotes": [_remote_facts(here, other) for other in others],
    }
    return json.dumps(facts, indent=2)


def _remote_facts(here: "Brought", other: "Brought") -> dict[str, object]:
    name = _name(here, other)
    return {
        "name": name,
        "url": str(other.place),
        "was": other.was,
        "new": name in here.new_remotes,
        "pid": other.pid,
        "started": other.started,
    }


def _name(here: "Brought", other: "Brought") -> str:
    return next(name for name, url in here.remotes.items() if url == str(other.place))


def _words(brought: "list[Brought]") -> str:
    here, *others = brought
    changed = here.started or any(_name(here, other) in here.new_remotes for other in others)
    lines = [f"{here.place} is {'now' if changed else 'already'} kept in step (it was {here.was})."]
    for other in others:
        new = "new remote" if _name(here, other) in here.new_remotes else "remote"
        lines.append(f"  {new} {_name(here, other)}: {other.place} (it was {other.was})")
    for one in brought:
        for text, fix in one.waits_for:
            lines += [f"! {one.place}: {text}", f"  {fix}"]
    lines.append(f"See how it goes: instep status {here.place}")
    return "\n".join(lines)
