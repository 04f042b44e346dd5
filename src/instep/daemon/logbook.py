"""The logbook: what a folder's process did, in words, one JSON object per line; `instep log` shows it.

Each line has `time` (ISO 8601, UTC), `event` (for programs), `text` (for a person) and further facts. The
files are `log.jsonl`, then `log.jsonl.1`, `.2`: rotated by size. Lines are written by a thread of its own,
everything that waits in one write: `append` never blocks the event loop, on a hung disk neither (I25). What
can't be written waits until it can (I29); beyond some number it is dropped and counted, for the log must not
stop the work (I26).
"""

import errno
import io
import json
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

MAX_FILE_BYTES = 4 * 1024 * 1024
OLD_FILES = 2
MAX_WAITING = 20_000
AGAIN_S = 1.0
"""So long after it could not be written it is tried again."""
_CLOSE_WITHIN_S = 2.0

Line = dict[str, Any]


class Logbook:
    """Writes lines. `clock`: seconds since the epoch. `echo`: also on standard error, for a supervisor."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        echo: bool = False,
        max_file_bytes: int = MAX_FILE_BYTES,
    ) -> None:
        self._path = path
        self._clock = clock
        self._echo = echo
        self._max_file_bytes = max_file_bytes
        self._waiting: deque[Line] = deque()
        self._dropped = 0
        self._closing = False
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._write_all, name="logbook", daemon=True)
        self._thread.start()

    def append(self, event: str, text: str, facts: dict[str, object]) -> None:
        """Add a line; from any thread, never blocks."""
        moment = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds")
        line: Line = {**facts, "time": moment.replace("+00:00", "Z"), "event": event, "text": text}
        with self._wake:
            if len(self._waiting) < MAX_WAITING:
                self._waiting.append(line)
            else:
                self._dropped += 1
            self._wake.notify()

    def close(self, within_s: float = _CLOSE_WITHIN_S) -> None:
        """Write what waits, for so long at most: a disk may hang."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(within_s)

    def _write_all(self) -> None:
        unwritten: list[Line] = []
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._closing, AGAIN_S if unwritten else None)
                lines = list(self._waiting)
                self._waiting.clear()
                closing = self._closing
            self._tell(lines)
            unwritten += lines
            if self._write(unwritten):
                unwritten.clear()
            elif len(unwritten) > MAX_WAITING:
                self._dropped += len(unwritten) - MAX_WAITING
                del unwritten[MAX_WAITING:]
            if closing and not self._waiting:
                return

    def _tell(self, lines: list[Line]) -> None:
        if self._echo:
            with suppress(OSError):
                for line in lines:
                    print(for_person(line), file=sys.stderr, flush=True)

    def _write(self, lines: list[Line]) -> bool:
        """All of them, or none."""
        if not lines:
            return True
        dropped = self._dropped
        last = lines[-1] | {"dropped": dropped} if dropped else lines[-1]
        data = "".join(json.dumps(line, default=str) + "\n" for line in [*lines[:-1], last]).encode()
        try:
            self._rotate()
            with open(self._path, "ab", buffering=0) as file:
                _write_whole(file, data)
        except OSError:
            return False
        self._dropped -= dropped
        return True

    def _rotate(self) -> None:
        if not self._path.exists() or self._path.stat().st_size < self._max_file_bytes:
            return
        for number in range(OLD_FILES, 0, -1):
            newer = old_file(self._path, number - 1)
            if newer.exists():
                os.replace(newer, old_file(self._path, number))


def _write_whole(file: io.FileIO, data: bytes) -> None:
    """Nothing is left of it where that fails. Raises OSError."""
    before = file.tell()
    try:
        if file.write(data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError:
        with suppress(OSError):
            file.truncate(before)
        raise


def old_file(path: Path, number: int) -> Path:
    """The name of the log `number` rotations ago; 0 is the current one."""
    return path.with_name(f"{path.name}.{number}") if number else path


def read_lines(path: Path, *, with_current: bool = True) -> Iterator[Line]:
    """Everything that is still there, oldest first. A torn last line is left out."""
    for number in range(OLD_FILES, -1 if with_current else 0, -1):
        file = old_file(path, number)
        if file.exists():
            yield from parse_lines(file.read_bytes())


def parse_lines(data: bytes) -> Iterator[Line]:
    """The whole lines in a piece of the log; what is no JSON object is passed over."""
    for raw in data.split(b"\n")[:-1]:
        try:
            line = json.loads(raw)
        except ValueError:
            continue
        if isinstance(line, dict):
            yield line


def for_person(line: Line) -> str:
    """A line as `instep log` prints it: local time and words."""
    try:
        moment = datetime.fromisoformat(str(line.get("time"))).astimezone()
        when = moment.strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        when = "?" * 19
    return f"{when}  {line.get('text', '')}"
