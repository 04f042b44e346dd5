"""Hearing of moved refs on another computer: one kept `git-annex-shell notifychanges`.

It says READY, then CHANGED with the new object ids each time that a ref has moved. Both are only hints to
look (I15), so nothing of what it says is kept or believed.
"""

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress

import anyio

from instep.remotes.ssh import ssh_environment

READ_BYTES = 64 << 10
END_WITHIN_S = 2.0


class RefListener:
    """One such process. OSError when it can't be started."""

    def __init__(self, command: Sequence[str | bytes]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=ssh_environment(os.environ),
            start_new_session=True,
        )
        self.has_said_ready = False
        """Whether it can tell at all."""

    async def heard(self) -> bool:
        """True when refs may have moved; False when it has ended. In the event loop."""
        assert self._process.stdout is not None
        out = self._process.stdout.fileno()
        while True:
            await anyio.wait_readable(out)
            said = os.read(out, READ_BYTES)
            if not said:
                return False
            if b"READY" in said or b"CHANGED" in said:
                self.has_said_ready = True
                return True

    def kill(self) -> None:
        """End it now. Does not block."""
        if self._process.returncode is None:
            self._process.kill()

    def close(self) -> None:
        """End it. Idempotent."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        try:
            self._process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
