"""Whether two processes see the same files, so that one can open what the other names."""

import hashlib
import os

PREFIX = "files-"


def feature() -> str | None:
    """The feature of the link that two processes name alike exactly when they run on one machine (on one
    boot of it) and in one mount namespace. None where the kernel does not tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            boot = file.read()
        namespace = os.readlink("/proc/self/ns/mnt")
    except OSError:
        return None
    return PREFIX + hashlib.sha256(boot + os.fsencode(namespace)).hexdigest()[:32]


def is_one_place(path: str, other: str) -> bool:
    """Whether two paths lead to the same place, be there anything or not; an empty one leads nowhere."""
    return bool(other) and os.path.realpath(path) == os.path.realpath(other)
