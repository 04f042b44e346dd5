"""`instep why`: where one file's content is, where it should be, and what keeps it from being there."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import click

from instep.cli.show import megabytes
from instep.core.errors import InstepError
from instep.daemon.client import ask
from instep.daemon.places import folder_of, is_kept, is_top, kept_around, resolve

KINDS = {
    "in git": "kept in git, wherever its commit is",
    "not recorded": "recorded in no commit",
    "nothing": "no file",
}


@click.command("why")
@click.argument("path", metavar="PATH")
@click.option("--json", "as_json", is_flag=True, help="Print facts for programs.")
def command(path: str, as_json: bool) -> int:
    """Say where the content of the file PATH is, where it should be, and which rule or fault keeps it away.

    Exit status 0: it is wherever it should be. 1: it is not.
    """
    root, inside = _placed(path)
    facts = ask(root, "why", path=quote_from_bytes(os.fsencode(inside)))
    click.echo(json.dumps(facts["why"], indent=2) if as_json else "\n".join(_lines(facts["why"])))
    return 0 if facts["settled"] else 1


def _placed(path: str) -> tuple[Path, Path]:
    """The folder that a path is in, and the path from its top. The last part may be a link, or be gone."""
    plain = Path(os.path.expanduser(path))
    directory = resolve(plain.parent)
    while not os.path.exists(directory):
        directory = directory.parent
    there = resolve(plain.parent) / plain.name
    if is_top(there) and (is_kept(there) or kept_around(there) is None):
        raise InstepError(f"{path} is a folder, not a file in one.", "Name a file: instep why DIR/FILE")
    root = folder_of(directory)
    return root, there.relative_to(root)


def _lines(facts: dict[str, Any]) -> list[str]:
    kind = KINDS.get(facts["kind"]) or f"annexed, {_amount(facts['size_bytes'])} ({facts['key']})"
    lines = [f"{facts['path']}: {kind}"]
    width = max((len(place["name"]) for place in facts["places"]), default=0)
    lines += [f"  {place['name']:<{width}}  {_words(place)}" for place in facts["places"]]
    return lines + [f"! {reason}" for reason in facts["reasons"]]


def _words(place: dict[str, Any]) -> str:
    if place["has"]:
        return f"has it; {place['reason']}" if place["reason"] else "has it"
    if place["wants"] is False:
        return f"does without it: {place['reason']}"
    state = "may have it" if place["has"] is None else "lacks it"
    return f"{state}: {place['reason']}" if place["reason"] else state


def _amount(size_bytes: int | None) -> str:
    return "of unknown size" if size_bytes is None else f"{megabytes(size_bytes)} MB"
