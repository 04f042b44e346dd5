"""Giving a name to another file while keeping the one that had it, with one instant in between or none."""

import errno
import os
import secrets

from instep.fs import syscalls

_UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


def exchange(aside_fd: int, aside: bytes, dir_fd: int, name: bytes) -> None:
    """Exchanges the private name `aside` with `name`: atomically where the file system can (I6)."""
    try:
        syscalls.rename_exchange(aside_fd, aside, dir_fd, name)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        exchange_by_links(aside_fd, aside, dir_fd, name)


def exchange_by_links(aside_fd: int, aside: bytes, dir_fd: int, name: bytes) -> None:
    """The same for file systems that know no exchange (NFS, some FUSE ones).

    `name` holds the old or the new file at every instant (I6), and writers of the old one are seen. But a
    program that renames its own file to `name` between the two steps, some microseconds, loses it.
    """
    spare = secrets.token_hex(8).encode() + b"~"
    os.link(name, spare, src_dir_fd=dir_fd, dst_dir_fd=aside_fd, follow_symlinks=False)
    os.rename(aside, name, src_dir_fd=aside_fd, dst_dir_fd=dir_fd)
    os.rename(spare, aside, src_dir_fd=aside_fd, dst_dir_fd=aside_fd)
