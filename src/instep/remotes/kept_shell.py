"""One shell on another computer that is kept, for what is asked often: a line for each question.

A new program over there costs a channel and a login shell; through this it costs that program.
"""

import subprocess
import threading
from contextlib import suppress

from instep.annex.errors import AnnexError
from instep.git.process import finish
from instep.remotes.ssh import start_quietly
from instep.remotes.ssh_program import quoted
from instep.remotes.ssh_shared import SharedSsh

END_WITHIN_S = 2.0
MOST_LINES = 1 << 20
_LINE_BYTES = 64 << 10
_LOOP = b"cd %s && while read -r p q; do %s; echo end; done"


class KeptShell:
    """Safe to use from several threads, which wait for each other. Raises AnnexError where it fails, and is
    started anew for the next question."""

    def __init__(self, ssh: SharedSsh, directory: bytes, answer: bytes) -> None:
        """Nothing is started yet. `directory`: absolute, over there. `answer`: commands for sh, run there
        for each question, whose words are $p and $q."""
        self._ssh = ssh
        self._command = b"sh -c " + quoted(_LOOP % (quoted(directory), answer))
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_over = False

    def begin(self) -> None:
        """Something is to be asked soon."""
        with self._guard:
            self._process = self._process or self._begun()

    def ask(self, *words: bytes) -> list[bytes]:
        """The lines that are said to this."""
        with self._guard:
            process = self._process = self._process or self._begun()
            found: list[bytes] = []
            with suppress(OSError, ValueError):
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(b" ".join(words) + b"\n")
                process.stdin.flush()
                while (line := process.stdout.readline(_LINE_BYTES)).endswith(b"\n"):
                    if line == b"end\n":
                        return found
                    found.append(line[:-1])
                    if len(found) > MOST_LINES:
                        break
            self._end()
            raise AnnexError("the shell over there ended")

    def cut(self) -> None:
        """End it now. Does not block."""
        self._is_over = True
        process = self._process
        if process is not None and process.returncode is None:
            process.kill()

    def close(self) -> None:
        """End it. Idempotent."""
        self._is_over = True
        with self._guard:
            self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            finish(process, END_WITHIN_S)

    def _begun(self) -> subprocess.Popen[bytes]:
        if self._is_over:
            raise AnnexError("it is being let go of")
        try:
            return start_quietly(self._ssh.command(self._command))
        except OSError as error:
            raise AnnexError(f"ssh can't be started: {error.strerror}.") from error
