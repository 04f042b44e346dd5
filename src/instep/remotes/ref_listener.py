"""Hearing of moved refs on another computer: one kept `git-annex-shell notifychanges`.

It says READY, then CHANGED with the new object ids each time that refs have moved. Both are only hints to
look (I15): nothing of what it says is kept.
"""

import os
import subprocess
from collections.abc import Callable, Collection, Sequence
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
        self._rest = b""
        self.has_said_ready = False
        """Whether it can tell at all."""

    async def heard(self, expected: Callable[[], Collection[bytes]]) -> bool:
        """True when refs may have moved, and not only to where they are `expected` (hex digits); False when
        it has ended. In the event loop."""
        assert self._process.stdout is not None
        out = self._process.stdout.fileno()
        while True:
            await anyio.wait_readable(out)
            said = os.read(out, READ_BYTES)
            if not said:
                return False
            *lines, self._rest = (self._rest + said).split(b"\n")
            if len(self._rest) > READ_BYTES:
                return False
            self.has_said_ready = self.has_said_ready or b"READY" in lines
            moved = {word for line in lines for word in line.removeprefix(b"CHANGED").split()}
            if moved - set(expected()):
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
