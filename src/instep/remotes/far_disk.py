"""Having content synced to the disk of another computer: one kept shell there, asked by a line for each file.

git-annex syncs nothing, so a content that it has just taken could be gone after a power cut, while our
location log says that it is there. Where ssh gives us no shell this can't be had. # I10
"""

from instep.annex.errors import AnnexError
from instep.core.keys import object_path
from instep.core.types import Key
from instep.remotes.kept_shell import KeptShell
from instep.remotes.ssh_shared import SharedSsh

_SYNC = (
    b'if test ! -e "$p"; then p=$q; fi; '
    b"d=${p%/*}; e=${d%/*}; f=${e%/*}; "  # the object, its directory, and the two above, which may be new
    b'if sync "$p" "$d" "$e" "$f" 2>/dev/null || sync; then echo synced; else echo failed; fi'
)


class FarDisk:
    """The disk of one repository. Safe to use from several threads. Raises AnnexError."""

    def __init__(self, ssh: SharedSsh, git_dir: bytes) -> None:
        """Nothing is started yet. `git_dir`: absolute, over there."""
        self._shell = KeptShell(ssh, git_dir, _SYNC)
        self.begin, self.cut, self.close = self._shell.begin, self._shell.cut, self._shell.close

    def sync(self, key: Key) -> None:
        """Return when the content is durable there."""
        if self._shell.ask(*(object_path(key, bare) for bare in (True, False))) != [b"synced"]:
            raise AnnexError("its disk could not be synced")
