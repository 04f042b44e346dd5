"""Hearing from the kernel that a drive came or went: a remote may be on it."""

from collections.abc import Callable
from contextlib import closing

import anyio

from instep.fs.mounts import MountChanges


async def follow_drives(changed: Callable[[], object]) -> None:
    """Tells of each change of what is mounted, until cancelled. Nothing is polled."""
    with closing(MountChanges()) as mounts:
        mounts.read()
        while True:
            await anyio.wait_readable(mounts)
            mounts.read()
            changed()
