"""File modes in a repository that several users share (`core.sharedRepository`), as git's `calc_shared_perm`.

Without the setting everything has the mode that the umask leaves; with it, group (or all) can read what the
owner can read, write what the owner can write, and directories hand down their group.
"""

import os
import re
from pathlib import Path

from instep.fs.durable import Batch, Staged
from instep.git.config import Config

_WORDS = {
    "umask": 0,
    "false": 0,
    "no": 0,
    "off": 0,
    "0": 0,
    "": 0,
    "group": 0o660,
    "true": 0o660,
    "yes": 0o660,
    "on": 0o660,
    "1": 0o660,
    "all": 0o664,
    "world": 0o664,
    "everybody": 0o664,
    "2": 0o664,
}
_SET_GROUP_ID = 0o2000
_OBJECT_MODE = 0o444


class Sharing:
    """The modes that new files and directories of one repository get."""

    def __init__(self, setting: str | None, umask: int) -> None:
        word = (setting or "umask").lower()
        self._exact = word not in _WORDS
        self._grant = (
            int(word, 8) & 0o777 if self._exact and re.fullmatch("[0-7]+", word) else _WORDS.get(word, 0)
        )
        self._umask = umask

    @classmethod
    def of(cls, config: Config) -> "Sharing":
        return cls(config.get("core.sharedRepository"), _current_umask())

    def file_mode(self, wanted: int) -> int:
        """The mode of a file that is asked to have `wanted` (`0o444` for an object)."""
        mode = wanted & ~self._umask
        grant = self._grant if wanted & 0o200 else self._grant & 0o444
        if not self._grant:
            return mode
        if wanted & 0o100:
            grant |= (grant & 0o444) >> 2
        return (mode & ~0o777) | grant if self._exact else mode | grant

    def stage_object(self, data: bytes, batch: Batch) -> Staged:
        """Writes a file of the object store aside, read-only and with this repository's mode."""
        staged = batch.write(data, _OBJECT_MODE)
        if self.is_shared:
            os.chmod(staged.name, self.file_mode(_OBJECT_MODE), dir_fd=staged.dir_fd)
        return staged

    def directory_mode(self) -> int:
        """The mode of a directory, set-group-id included."""
        mode = self.file_mode(0o777)
        return mode | _SET_GROUP_ID if self._grant else mode

    @property
    def is_shared(self) -> bool:
        return self._grant != 0


def _current_umask() -> int:
    """This process's umask, read without changing it (other threads create files meanwhile)."""
    found = re.search(r"^Umask:\s*([0-7]+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1], 8) if found else 0o022
