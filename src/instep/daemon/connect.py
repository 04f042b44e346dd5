"""Making two folders remotes of each other, in git's own configuration, where every git tool sees them."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from instep.core.errors import InstepError
from instep.daemon.places import git_dir_of, is_bare, resolve
from instep.git.config import Config
from instep.git.process import Git
from instep.remotes.dial import SshAddress, parse_remote
from instep.remotes.errors import BadAddress

Place = Path | SshAddress
"""Where another folder is: a real, absolute path on this computer, or an address."""


class NoSuchRemote(InstepError):
    """The folder has no remote of this name."""

    def __init__(self, root: Path, name: str) -> None:
        super().__init__(f"{root} has no remote {name}.", "See which there are: instep remote list")


class NameTaken(InstepError):
    """The folder has another remote of this name."""


class Remotes:
    """The remotes of one folder, as its repository's configuration has them. Nothing is cached: each method
    reads or writes by starting git (3 ms each)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        bare = is_bare(root)
        git_dir = root if bare else git_dir_of(root) or root / ".git"
        self._git = Git(os.fsencode(git_dir), os.fsencode(root), bare=bare)

    def config(self) -> Config:
        """The configuration now."""
        return Config(self._git)

    def name_of(self, other: Place) -> str | None:
        """The remote whose address is this folder, if there is one."""
        for name, url in self.config().remotes().items():
            if self._place(url) == other:
                return name
        return None

    def _place(self, url: str) -> Place | None:
        try:
            address = parse_remote(url)
        except BadAddress:
            return None
        if isinstance(address, SshAddress):
            return address
        return resolve(os.path.join(self.root, os.path.expanduser(address.path)))

    def add(self, other: Place, wanted: str | None, uuid: str | None) -> tuple[str, bool]:
        """Make another folder a remote; returns its name and whether it is new.

        One that is there already keeps its name. Otherwise it gets the name that is `wanted` (NameTaken if
        that is another's), or one after the last part of its path or after its computer, made unique.
        """
        if name := self.name_of(other):
            return name, False
        taken = self.config().remotes()
        if wanted is not None and wanted in taken:
            raise NameTaken(
                f"{self.root} has a remote {wanted} already: {taken[wanted]}", "Choose another name."
            )
        default = other.host if isinstance(other, SshAddress) else other.name
        name = wanted or free_name(default, taken)
        self._git.run("remote", "add", "--", name, str(other))
        if uuid:  # git-annex would find it out by itself, by starting a process there
            self._git.run("config", f"remote.{name}.annex-uuid", uuid)
        return name, True

    def pause(self, name: str, paused: bool) -> bool:
        """Say that the remote is to be left alone for a while, or not any more, in git-annex's words, so that
        its own commands heed it too. False if it was so already. Raises NoSuchRemote."""
        config = self.config()
        if name not in config.remotes():
            raise NoSuchRemote(self.root, name)
        if (name in config.paused_remotes()) == paused:
            return False
        self._git.run("config", "--bool", f"remote.{name}.annex-sync", "false" if paused else "true")
        return True

    def remove(self, name: str) -> None:
        """Take it out of the configuration; nothing is deleted there. Raises NoSuchRemote."""
        if name not in self.config().remotes():
            raise NoSuchRemote(self.root, name)
        self._git.run("remote", "remove", "--", name)

    def uuid(self) -> str | None:
        """git-annex's id of this repository."""
        return self.config().get("annex.uuid")


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """A name that git takes for a remote: letters, digits, `.`, `_`, `-` of what is wanted, and a number if
    that name is taken."""
    words = re.sub(r"[^A-Za-z0-9._-]+", "-", wanted)
    stem = re.sub(r"\.{2,}", ".", words).strip(".-").removesuffix(".lock") or "copy"
    name, number, known = stem, 1, {name.lower() for name in taken}
    while name.lower() in known:
        number += 1
        name = f"{stem}-{number}"
    return name
