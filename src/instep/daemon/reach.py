"""What is at a remote's path at this moment, and so how it is spoken to. Everything here blocks."""

import os
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from instep.daemon.lock import assistant, holder
from instep.daemon.places import git_dir_of, is_bare, is_guest, is_stopped, lock_file
from instep.git.config import Config
from instep.git.process import Git


class Reach(Enum):
    """The ways to a remote on this machine."""

    NOTHING = auto()
    """Nothing is there; a drive that is not plugged in, perhaps."""
    NO_REPOSITORY = auto()
    FOLDER = auto()
    """A folder whose own process can be called, if it runs."""
    IDLE = auto()
    """A clone that nobody keeps, or only guests did (`daemon.guest`)."""
    STOPPED = auto()
    """A folder that a person stopped, with `instep down`."""
    BARE = auto()
    """A repository without a work tree."""
    ASSISTANT = auto()
    """git-annex's assistant keeps it."""
    BY_HAND = auto()
    """A person keeps it, and wants its work tree left alone: `receive.denyCurrentBranch` is set to refuse."""


@dataclass(frozen=True, slots=True)
class Place:
    """A path, symlinks resolved, and how it can be reached."""

    path: Path
    reach: Reach


def look_at(base: Path, path: str) -> Place:
    """What is there now; `base` is the folder that a relative path counts from, as for git."""
    real = Path(os.path.realpath(base / os.path.expanduser(path)))
    if (git_dir := git_dir_of(real)) is not None:
        return Place(real, _who_keeps(git_dir))
    for bare in (real, real.with_name(real.name + ".git")):  # git finds it under the shorter name too
        if is_bare(bare):
            return Place(bare, Reach.BARE)
    return Place(real, Reach.NO_REPOSITORY if real.exists() else Reach.NOTHING)


def _who_keeps(git_dir: Path) -> Reach:
    if holder(git_dir) is not None:
        return Reach.FOLDER
    if assistant(git_dir) is not None:
        return Reach.ASSISTANT
    config = Config(Git(os.fsencode(git_dir), os.fsencode(git_dir), bare=True))
    if config.get("receive.denycurrentbranch") == "refuse":
        return Reach.BY_HAND
    if is_stopped(git_dir):
        return Reach.STOPPED
    return Reach.FOLDER if lock_file(git_dir).exists() and not is_guest(git_dir) else Reach.IDLE
