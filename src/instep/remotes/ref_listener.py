"""Hearing of moved refs on another computer: one kept `git-annex-shell notifychanges`.

It says READY, then CHANGED with the new object ids each time that refs have moved. Both are only hints to
look (I15): nothing of what it says is kept.
"""

import os
from collections.abc import Callable, Collection, Sequence

import anyio

from instep.git.process import finish
from instep.remotes.ssh import start_quietly

READ_BYTES = 64 << 10
END_WITHIN_S = 2.0


class RefListener:
    """One such process. OSError when it can't be started."""

    def __init__(self, command: Sequence[str | bytes]) -> None:
        self._process = start_quietly(command)
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
        finish(self._process, END_WITHIN_S)
