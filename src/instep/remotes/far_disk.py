"""Having content synced to the disk of another computer: one kept shell there, asked by a line for each file.

git-annex syncs nothing, so a content that it has just taken could be gone after a power cut, while our
location log says that it is there. Where ssh gives us no shell this can't be had. # I10
"""

import os
import subprocess
import threading
from contextlib import suppress

from instep.annex.errors import AnnexError
from instep.core.keys import object_path
from instep.core.types import Key
from instep.remotes.ssh import ssh_environment
from instep.remotes.ssh_program import quoted
from instep.remotes.ssh_shared import SharedSsh

END_WITHIN_S = 2.0
_LOOP = (
    b'cd %s && while read -r p q; do if test ! -e "$p"; then p=$q; fi; '
    b"d=${p%%/*}; e=${d%%/*}; f=${e%%/*}; "  # the object, its directory, and the two above, which may be new
    b'if sync "$p" "$d" "$e" "$f" 2>/dev/null || sync; then echo synced; else echo failed; fi; done'
)


class FarDisk:
    """The disk of one repository. Safe to use from several threads."""

    def __init__(self, ssh: SharedSsh, git_dir: bytes) -> None:
        """Nothing is started yet. `git_dir`: absolute, over there."""
        self._ssh = ssh
        self._command = b"sh -c " + quoted(_LOOP % quoted(git_dir))
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Something is to be synced soon. Raises AnnexError."""
        with self._guard:
            self._process = self._process or self._begun()

    def sync(self, key: Key) -> None:
        """Return when the content is durable there. Raises AnnexError."""
        places = [object_path(key, bare) for bare in (True, False)]
        with self._guard:
            process = self._process = self._process or self._begun()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(b" ".join(places) + b"\n")
                process.stdin.flush()
                answer = process.stdout.readline(100)
            except (OSError, ValueError):
                answer = b""
        if answer != b"synced\n":
            raise AnnexError("its disk could not be synced")

    def cut(self) -> None:
        """End it now. Does not block."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    def close(self) -> None:
        """End it. Idempotent."""
        process = self._process
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        try:
            process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _begun(self) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                self._ssh.command(self._command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=ssh_environment(os.environ),
                start_new_session=True,
            )
        except OSError as error:
            raise AnnexError(f"ssh can't be started: {error.strerror}.") from error
