"""`instep doctor`: is everything as it should be, on this machine and in this folder?"""

import dataclasses
import json
from pathlib import Path

import click

from instep.cli.folder import chosen, folder_argument
from instep.daemon.places import NoFolderHere

_MARK = {"good": "ok", "notice": "- ", "attention": "! "}


@click.command("doctor")
@folder_argument
@click.option("--json", "as_json", is_flag=True, help="Print facts for programs.")
def command(folder: str | None, as_json: bool) -> int:
    """Check the machine and DIR, and say how to mend what is found. Changes nothing.

    Exit status 1 when something needs attention. Outside of any folder, the machine only.
    """
    from instep.daemon.doctor import Finding, examine_all  # noqa: PLC0415 - starts git

    root = _root(folder)
    found: list[Finding] = []
    for finding in examine_all(root):
        found.append(finding)
        if not as_json:
            click.echo(f"{_MARK[finding.severity]} {finding.text}")
            if finding.fix:
                click.echo(f"     {finding.fix}")
    well = all(finding.severity != "attention" for finding in found)
    if as_json:
        facts = {"folder": root and str(root), "well": well, "findings": list(map(dataclasses.asdict, found))}
        click.echo(json.dumps(facts, indent=2))
    elif well:
        click.echo(
            "All is well." if root else "All is well with this machine; name a folder to check it too."
        )
    return 0 if well else 1


def _root(folder: str | None) -> Path | None:
    try:
        return chosen(folder)
    except NoFolderHere:
        if folder is not None:
            raise
        return None
