"""Moving bytes from one open file into another: sharing blocks, inside the kernel, or by hand."""

import errno
import os

from instep.fs import syscalls

BLOCK_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 30
_NOT_HERE = frozenset({errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EBADF, errno.EPERM})


def cloned(dst_fd: int, src_fd: int) -> bool:
    """Makes the empty file `dst` share all of `src`'s blocks (FICLONE); False where that can't be."""
    try:
        syscalls.clone(dst_fd, src_fd)
    except OSError:
        return False
    return True


def copy_content(src_fd: int, dst_fd: int) -> None:
    """Copies all of `src`, from its start, into the empty file `dst`. Moves no offset of `src`."""
    if cloned(dst_fd, src_fd):
        return
    done = 0
    try:
        while count := os.copy_file_range(src_fd, dst_fd, _CHUNK_BYTES, done, done):
            done += count
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
    os.lseek(dst_fd, done, os.SEEK_SET)
    buffer = memoryview(bytearray(BLOCK_BYTES))  # what a file system that can't do it (procfs) left
    while count := os.preadv(src_fd, [buffer], done):
        write_all(dst_fd, buffer[:count])
        done += count


def write_all(fd: int, data: memoryview) -> None:
    """write(2) until everything is written."""
    while data:
        data = data[os.write(fd, data) :]
