"""The kernel's queue of events overflows while the daemon is not looking: what it forgot is found."""

import os
import signal
from pathlib import Path

from .harness import Pair
from .worktree import join, read, write


def test_a_change_that_the_kernel_forgot_to_tell_arrives(pair: Pair) -> None:  # I15 I21 I29
    write(pair.a, "one", b"1\n")
    write(pair.a, "two", b"2\n")
    write(pair.a, "gone", b"3\n")
    pair.up()
    daemon = pair.daemon(pair.a)
    pair.signal_one(daemon, signal.SIGSTOP)
    flood = [join(pair.a, name) for name in ("one", "two")]
    for _ in range(int(Path("/proc/sys/fs/inotify/max_queued_events").read_text()) // 2 + 10):
        for path in flood:  # in turns: equal events in a row are one
            os.chmod(path, 0o644)
    write(pair.a, "deep/in/the flood", b"told to nobody\n")
    os.unlink(join(pair.a, "gone"))
    pair.signal_one(daemon, signal.SIGCONT)
    pair.wait(pair.a)
    assert read(pair.b, "deep/in/the flood") == b"told to nobody\n"
    assert read(pair.b, "gone") is None
