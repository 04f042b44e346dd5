"""The argument DIR that most verbs take: a folder, or anything inside it; by default, where we are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from instep.daemon.places import NoFolderHere, folder_of, resolve
from instep.remotes.socket_path import find_socket

folder_argument: Callable[[Callable[..., Any]], Callable[..., Any]] = click.argument(
    "folder", metavar="[DIR]", required=False
)


def chosen(folder: str | None) -> Path:
    """The folder that is meant. Raises NoFolderHere."""
    start = resolve("." if folder is None else folder)
    if find_socket(start) is not None:
        return start  # its process answers, even if the disk does not, or the folder is gone
    if not start.exists():
        raise NoFolderHere(start)
    return folder_of(start)
