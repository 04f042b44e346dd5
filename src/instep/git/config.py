"""git's configuration as git itself reads it: one snapshot of `git config --list`, renewed by `reload`.

Names are given as people write them (`remote.Nas.annex-uuid`): section and variable in any case, the
subsection in its own. Where a name is set several times the last one counts, as in git.
"""

import os

from instep.git.errors import GitError
from instep.git.process import Git

_TRUE = frozenset({"true", "yes", "on"})
_FALSE = frozenset({"false", "no", "off", ""})
_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}

_Snapshot = dict[str, list[str | None]]


class Config:
    """A snapshot. Reading is safe from several threads, also while another one reloads."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._values: _Snapshot = {}
        self.reload()

    def reload(self) -> None:
        """Reads it all again (2 ms). Raises GitError if a file is broken; the old snapshot stays."""
        self._values = _parse(self._git.run("config", "--list", "-z"))

    def get(self, name: str) -> str | None:
        """The value, or None if it is not set; a name without `=` reads as `true`, as git takes it."""
        values = self._values.get(_canonical(name))
        if not values:
            return None
        return "true" if values[-1] is None else values[-1]

    def get_all(self, name: str) -> list[str]:
        """All values, in the order in which git read them."""
        return ["true" if value is None else value for value in self._values.get(_canonical(name), [])]

    def get_bool(self, name: str, default: bool = False) -> bool:
        """A boolean as git reads one. Raises GitError for anything else."""
        value = self.get(name)
        if value is None:
            return default
        word = value.lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        return self.get_int(name, 0) != 0

    def get_int(self, name: str, default: int = 0) -> int:
        """A whole number, with git's suffixes k, m and g. Raises GitError for anything else."""
        value = self.get(name)
        if value is None:
            return default
        text = value.strip().lower()
        unit = _UNITS.get(text[-1:], 1)
        try:
            return int(text[:-1] if unit > 1 else text, 10) * unit
        except ValueError:
            raise GitError(f"The git setting {name} is {value!r}, which is not a number.") from None

    def get_path(self, name: str) -> str | None:
        """A file name, with a leading `~` resolved."""
        value = self.get(name)
        return os.path.expanduser(value) if value else None

    def names(self, prefix: str = "") -> list[str]:
        """The names that are set and begin with `prefix` (section and variable in lower case)."""
        return [name for name in self._values if name.startswith(prefix)]

    def remotes(self) -> dict[str, str]:
        """The remotes that have a URL, by name, `insteadOf` applied, in the order of the configuration."""
        found: dict[str, str] = {}
        for name in self.names("remote."):
            remote = name.removeprefix("remote.").removesuffix(".url")
            url = self.get(name)
            if remote and name == f"remote.{remote}.url" and url:
                found[remote] = self._rewritten(self.get_all(name)[0])
        return found

    def remote_uuids(self) -> dict[str, str]:
        """git-annex's ids of the remotes that have one, by name."""
        found = ((name, self.get(f"remote.{name}.annex-uuid")) for name in self.remotes())
        return {name: uuid for name, uuid in found if uuid}

    def paused_remotes(self) -> frozenset[str]:
        """The remotes with `remote.NAME.annex-sync = false`: git-annex's own word for "not now"."""
        names = (name.removeprefix("remote.").removesuffix(".url") for name in self.names("remote."))
        return frozenset(name for name in names if not self.get_bool(f"remote.{name}.annex-sync", True))

    def _rewritten(self, url: str) -> str:
        best, base = "", ""
        for name in self.names("url."):
            if name.endswith(".insteadof"):
                for start in self.get_all(name):
                    if url.startswith(start) and len(start) > len(best):
                        best, base = start, name.removeprefix("url.").removesuffix(".insteadof")
        return base + url[len(best) :]


def _canonical(name: str) -> str:
    """A name with section and variable in lower case."""
    section, first, rest = name.partition(".")
    subsection, last, variable = rest.rpartition(".")
    return section.lower() + first + subsection + last + variable.lower()


def _parse(listing: bytes) -> _Snapshot:
    values: _Snapshot = {}
    for item in listing.split(b"\0")[:-1]:
        name, newline, value = item.partition(b"\n")
        values.setdefault(os.fsdecode(name), []).append(os.fsdecode(value) if newline else None)
    return values
