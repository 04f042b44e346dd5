"""An ssh whose connection is cut: runs the real one (`$CUTTER_SSH`) and passes everything on, frame by frame.

As `core.sshCommand`, so each connection is one run. The file `$CUTTER_PLAN` says in one line after how many
frames, in both directions together, it ends; the line is taken out, so the next connection lives (an empty
file: it lives, too). While it says HOLD, a link waits to begin. `$CUTTER_SEEN` gets a line for each link that
was cut. Stands alone: no import of ours.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HOLD = "hold"


class Passed:
    """What went over this connection, and when it is to end."""

    def __init__(self, ssh: "subprocess.Popen[bytes]") -> None:
        self._ssh = ssh
        self._lock = threading.Lock()
        self._left: int | None = None
        self.is_link = False

    def begins(self) -> None:
        """A link was asked for: from now on frames count."""
        self.is_link, self._left = True, _planned()

    def one_more(self) -> None:
        """A whole frame was passed on; after the last one, not one byte more."""
        with self._lock:
            if self._left is not None:
                self._left -= 1
                if self._left <= 0:
                    with open(os.environ["CUTTER_SEEN"], "a") as seen:
                        seen.write("cut\n")
                    self._ssh.kill()
                    os._exit(255)


def _planned() -> int | None:
    plan = Path(os.environ["CUTTER_PLAN"])
    while (text := plan.read_text() if plan.exists() else "") == HOLD:
        time.sleep(0.01)
    if not text:
        return None
    os.truncate(plan, 0)
    return int(text)


def inward(read: Callable[[int], bytes], passed: Passed) -> Iterator[tuple[bytes, bool]]:
    """Lines, and after the first answer to who asked for a link, frames."""
    buffer = b""
    while data := read(1 << 16):
        buffer += data
        while (end := buffer.find(b"\n") + 1) > 0:
            line, buffer = buffer[:end], buffer[end:]
            yield line, False
            if passed.is_link and b'"ok"' in line:
                yield from frames(buffer, read)
                return
    yield buffer, False


def frames(buffer: bytes, read: Callable[[int], bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each frame whole."""
    while True:
        while len(buffer) < 4 or len(buffer) < 4 + int.from_bytes(buffer[:4]):
            data = read(1 << 20)
            if not data:
                yield buffer, False
                return
            buffer += data
        end = 4 + int.from_bytes(buffer[:4])
        yield buffer[:end], True
        buffer = buffer[end:]


def outward(read: Callable[[int], bytes], passed: Passed) -> Iterator[tuple[bytes, bool]]:
    """Lines of JSON, which begin with a brace, up to the one that asks for a link; then frames."""
    buffer = b""
    while data := read(1 << 16):
        buffer += data
        while (end := buffer.find(b"\n") + 1) > 0:
            line, buffer = buffer[:end], buffer[end:]
            if b'"link"' in line:
                passed.begins()
            yield line, False
            if passed.is_link:
                yield from frames(buffer, read)
                return
    yield buffer, False


def main() -> None:
    command = [os.environ["CUTTER_SSH"], *sys.argv[1:]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as ssh:
        assert ssh.stdin is not None
        assert ssh.stdout is not None
        to_ssh, from_ssh = ssh.stdin.fileno(), ssh.stdout.fileno()
        passed = Passed(ssh)

        def carry(source: Iterator[tuple[bytes, bool]], sink: int) -> None:
            for data, is_frame in source:
                view = memoryview(data)
                while view:
                    view = view[os.write(sink, view) :]
                if is_frame:
                    passed.one_more()

        def carry_out() -> None:
            carry(outward(lambda most: os.read(0, most), passed), to_ssh)
            os.close(to_ssh)

        threading.Thread(target=carry_out, daemon=True).start()
        carry(inward(lambda most: os.read(from_ssh, most), passed), 1)
    os._exit(ssh.returncode)


if __name__ == "__main__":
    main()
