"""The processes below this one: found, measured, ended.

The benchmark makes itself a child subreaper, so that a daemon which forks twice and starts a session of its
own stays its descendant. Whatever runs below it is the peer under test; nothing else is ever signalled.
"""

import contextlib
import ctypes
import os
import re
import signal
import time
from pathlib import Path
from typing import NamedTuple

_PR_SET_CHILD_SUBREAPER = 36
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Usage(NamedTuple):
    """What one daemon and all its children have used or hold."""

    cpu_s: float
    pss_mib: float
    uss_mib: float


def adopt_orphans() -> None:
    """From now on every daemon started below stays a descendant."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _children() -> dict[int, list[int]]:
    """Parent to children, of all processes."""
    table: dict[int, list[int]] = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            table.setdefault(parent, []).append(int(pid))
    return table


def below(pid: int) -> list[int]:
    """The descendants of a process."""
    table, found, todo = _children(), list[int](), [pid]
    while todo:
        children = table.get(todo.pop(), [])
        found += children
        todo += children
    return found


def _cpu_s(pid: int) -> float:
    """CPU seconds of a process, to the nanosecond, and of its children that are gone, to the clock tick."""
    own = time.clock_gettime((~pid << 3) | 2)  # the process's CPU clock, see clock_getcpuclockid(3)
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return own + (int(fields[13]) + int(fields[14])) * _TICK_S


def _memory_mib(pid: int) -> tuple[float, float]:
    """Proportional and unique set size."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    sizes = {name: int(kib) / 1024 for name, kib in re.findall(r"^(\w+):\s+(\d+) kB", text, re.M)}
    return sizes["Pss"], sizes["Private_Clean"] + sizes["Private_Dirty"]


def _is_gone(pid: int) -> bool:
    """Whether it ended, and at most waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def usage() -> dict[int, Usage]:
    """For each daemon, which is a child of ours by now: what all its processes have used until now."""
    found: dict[int, Usage] = {}
    for daemon in _children().get(os.getpid(), []):
        for pid in (daemon, *below(daemon)):
            if _is_gone(pid):
                continue
            with contextlib.suppress(OSError):
                mine = Usage(_cpu_s(pid), *_memory_mib(pid))
                found[daemon] = Usage(*map(sum, zip(found.get(daemon, Usage(0, 0, 0)), mine, strict=True)))
    return found


def end_all(patience_s: float = 5) -> None:
    """Ends every process below this one, first politely."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            left = below(os.getpid())
            if not left:
                return
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            time.sleep(0.05)
