"""What is at a remote's path at this moment, and so how it is spoken to. Everything here blocks."""

import os
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from instep.daemon.places import is_bare
from instep.remotes.socket_path import find_socket


class Reach(Enum):
    """The ways to a remote on this machine."""

    NOTHING = auto()
    """Nothing is there; a drive that is not plugged in, perhaps."""
    NO_REPOSITORY = auto()
    LINK = auto()
    """A folder, whose process can be called; if it runs."""
    STOCK = auto()
    """A repository that only git and git-annex speak to."""


@dataclass(frozen=True, slots=True)
class Place:
    """A path, symlinks resolved, and how it can be reached."""

    path: Path
    reach: Reach


def look_at(base: Path, path: str) -> Place:
    """What is there now; `base` is the folder that a relative path counts from, as for git."""
    real = Path(os.path.realpath(base / os.path.expanduser(path)))
    if find_socket(real) is not None:
        return Place(real, Reach.LINK)
    if not real.exists():
        return Place(real, Reach.NOTHING)
    if (real / ".git").exists():
        return Place(real, Reach.LINK)
    if is_bare(real):
        return Place(real, Reach.STOCK)
    if is_bare(real.with_name(real.name + ".git")):  # git finds it under the shorter name too
        return Place(real.with_name(real.name + ".git"), Reach.STOCK)
    return Place(real, Reach.NO_REPOSITORY)
