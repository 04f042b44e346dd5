"""Packs that no ref names yet, marked so that a person's `git repack -a -d` or `git gc` leaves them (I27).

A repack deletes every pack that it found when it began, and writes down anew what refs named by then; a pack
that came to be named in between would be gone. git's own mark against that is a file `.keep` beside the pack
(`git index-pack --keep`); it is there before the pack is, and goes when a ref has long been moved.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable

HOLD_S = 60.0
"""So long at least a pack is kept; its ref is moved in a fraction of that."""

_OURS = b"instep\n"


class KeptPacks:
    """The marked packs of one repository. Safe to use from several threads."""

    def __init__(self, packs_dir: bytes, clock: Callable[[], float] = time.monotonic) -> None:
        """Marks that a killed process left are taken over."""
        self._directory = packs_dir
        self._clock = clock
        self._lock = threading.Lock()
        self._since_s = {name: clock() for name in self._left_behind()}

    def hold(self, pack: bytes) -> None:
        """Mark a pack that is about to be placed, `pack-<hash>`. One that a person marked stays theirs."""
        name = pack + b".keep"
        with self._lock:
            with contextlib.suppress(FileExistsError), open(self._path(name), "xb", buffering=0) as file:
                file.write(_OURS)
                os.fsync(file.fileno())  # or a power cut leaves one that nobody knows for ours
                self._since_s[name] = self._clock()
            if name in self._since_s:
                self._since_s[name] = self._clock()

    def release(self) -> None:
        """Take the marks away that have done their duty; nobody is about to move a ref."""
        with self._lock:
            due_s = self._clock() - HOLD_S
            for name in [name for name, since_s in self._since_s.items() if since_s <= due_s]:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._path(name))
                del self._since_s[name]

    def __len__(self) -> int:
        return len(self._since_s)

    def _path(self, name: bytes) -> bytes:
        return self._directory + b"/" + name

    def _left_behind(self) -> list[bytes]:
        found: list[bytes] = []
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(self._directory):
                if name.endswith(b".keep"):
                    with contextlib.suppress(OSError), open(self._path(name), "rb") as file:
                        found += [name] if file.read(len(_OURS) + 1) == _OURS else []
        return found
