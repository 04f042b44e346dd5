"""What an error says of the machine: the one place where errors become health conditions (I26).

A full disk, a read-only one, no more descriptors: these are no faults of the step that met them. They hit
whoever comes next, and they end by themselves or by a person's hand. Errors come from the kernel with a
number, from git in the words of the C library, and wrapped in one another.
"""

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

_KNOWN = {
    errno.ENOSPC: ("disk-full", "No space left on device"),
    errno.EDQUOT: ("disk-full", "Disk quota exceeded"),
    errno.EROFS: ("read-only", "Read-only file system"),
    errno.EIO: ("disk-failing", "Input/output error"),
    errno.EUCLEAN: ("disk-failing", "Structure needs cleaning"),
    errno.ENODEV: ("disk-failing", "No such device"),
    errno.ENXIO: ("disk-failing", "No such device or address"),
    errno.EMFILE: ("files-exhausted", "Too many open files"),
    errno.ENFILE: ("files-exhausted", "Too many open files in system"),
    errno.ENOMEM: ("memory-exhausted", "Cannot allocate memory"),
    errno.ENOBUFS: ("memory-exhausted", "No buffer space available"),
}
"""The condition, and what the C library says; git says the same."""
_NUMBERED = _KNOWN | dict.fromkeys((errno.EACCES, errno.EPERM), ("permission-denied", "Permission denied"))
"""... and what is told by its number only: ssh says these words of keys."""
_SAID = [*_KNOWN.values(), ("disk-full", "failed to write new configuration file")]
"""... but for the configuration, where git leaves the reason out."""
_TRY_AGAIN = {
    "disk-full": "Free some space there, and try again.",
    "read-only": "Make it writable (mount -o remount,rw), and try again.",
    "disk-failing": "Check the disk (dmesg says more), and try again.",
    "files-exhausted": "Close some programs, or raise the limit (ulimit -n 4096), and try again.",
    "permission-denied": "Change the permissions of what it names (chmod u+rwX), and try again.",
    "memory-exhausted": "Close some programs, or raise the limit (ulimit -v unlimited), and try again.",
}
"""The way out for a command that ended; one that goes on by itself has the condition's."""
_NO_THREAD = "can't start new thread"  # what Python makes of EAGAIN, without the number


@dataclass(frozen=True, slots=True)
class Fault:
    """`code` is that of a condition in `core.health`, `detail` completes its sentence."""

    code: str
    detail: str


def fault_of(error: BaseException) -> Fault | None:
    """The fault of the machine that is behind an error, or in one of a group; None: it is something else."""
    for one in all_behind(error):
        if isinstance(one, OSError) and one.errno in _NUMBERED:
            code, words = _NUMBERED[one.errno]
            return Fault(code, words[0].lower() + words[1:] + _where(one.filename))
        if isinstance(one, MemoryError) or (isinstance(one, RuntimeError) and _NO_THREAD in str(one)):
            return Fault("memory-exhausted", str(one) or "no memory could be had")
    for one in all_behind(error):
        for code, words in _SAID:
            if words in str(one):
                return Fault(code, str(one))
    return None


def try_again(error: BaseException | str, otherwise: str) -> str:
    """The way out of what ended a command: the machine's fault's, or the one that it has otherwise."""
    fault = fault_of(RuntimeError(error) if isinstance(error, str) else error)
    return otherwise if fault is None else _TRY_AGAIN[fault.code]


def all_behind(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and if it is a group, all in it."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        if isinstance(seen, BaseExceptionGroup):
            for one in cast("BaseExceptionGroup[BaseException]", seen).exceptions:
                yield from all_behind(one)
        seen = seen.__cause__


def _where(name: object) -> str:
    """A name that says something to a person; one in a directory that is known by its descriptor doesn't."""
    text = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else str(name)
    return f": {text}" if text.startswith("/") else ""
