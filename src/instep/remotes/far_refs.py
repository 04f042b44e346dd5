"""Where the refs of a repository on another computer are, asked of a kept shell there: a look costs one git,
instead of one here, an ssh, a login shell and one there."""

import os

from instep.annex.errors import AnnexError
from instep.core.types import Oid
from instep.remotes.kept_shell import KeptShell
from instep.remotes.ssh_program import quoted
from instep.remotes.ssh_shared import SharedSsh

_LIST = (
    b"git --git-dir=%b for-each-ref '--format=%%(objectname) %%(refname)' refs/heads refs/synced 2>/dev/null "
    b"&& echo listed"
)
"""Named from the top: what was moved away is not there any more."""


class FarRefs:
    """The branches and `refs/synced/…` of one repository. Safe to use from several threads."""

    def __init__(self, ssh: SharedSsh, git_dir: bytes) -> None:
        """Nothing is started yet. `git_dir`: absolute, over there."""
        self._shell = KeptShell(ssh, git_dir, _LIST % quoted(git_dir))
        self.cut, self.close = self._shell.cut, self._shell.close

    def list(self) -> dict[str, Oid]:
        """Raises AnnexError when it can't be told."""
        *lines, last = self._shell.ask() or [b""]
        if last != b"listed":
            raise AnnexError("its refs can't be listed")
        found: dict[str, Oid] = {}
        for line in lines:
            oid, _, ref = line.partition(b" ")
            try:
                found[os.fsdecode(ref)] = Oid(bytes.fromhex(oid.decode()))
            except ValueError:
                raise AnnexError("its refs can't be listed") from None
        return found
