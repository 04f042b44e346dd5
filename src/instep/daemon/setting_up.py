"""One `up` at a time for each folder: two that make one repository at once would be in each other's way.

The lock is on a file among the folder's notes, for there may be no repository yet. The kernel drops it when
the last process that has it ends: what an `up` starts to make the repository inherits it, so that after a
SIGKILL of `up` alone the next one waits for what is left of it (I27).
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from instep.daemon.places import setup_lock_file


class SettingUp:
    """Held in a `with` block; waits for its turn. Not to be nested, so nobody waits for who waits for him."""

    def __init__(self, root: Path) -> None:
        self._path = setup_lock_file(root)
        self.fd = -1
        """To be inherited by who is not to be overtaken."""

    def __enter__(self) -> Self:
        self.fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self.fd, fcntl.LOCK_EX)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        os.close(self.fd)
