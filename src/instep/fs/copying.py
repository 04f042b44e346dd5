"""Moving bytes from one open file into another: sharing blocks, inside the kernel, or by hand."""

import errno
import os

from instep.fs import syscalls
from instep.fs.pour import PARALLEL_BYTES, extents, pour

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
    """Copies all of `src`, from its start, into the empty file `dst`; holes stay holes. Moves no offset of
    `src`."""
    if cloned(dst_fd, src_fd):
        return
    size = os.fstat(src_fd).st_size
    if size >= PARALLEL_BYTES or not _copied_inside(src_fd, dst_fd, size):
        pour(src_fd, (), (dst_fd,))


def _copied_inside(src_fd: int, dst_fd: int, size: int) -> bool:
    """Copies inside the kernel; False, and nothing copied, where it can't (other file systems, procfs)."""
    done = 0
    try:
        for extent in extents(src_fd, 0):
            done = extent.start
            while not extent.is_hole and done < extent.end:
                wanted = min(_CHUNK_BYTES, extent.end - done)
                if not (count := os.copy_file_range(src_fd, dst_fd, wanted, done, done)):
                    break
                done += count
    except OSError as error:
        if error.errno not in _NOT_HERE or done:
            raise
        return False
    if size > os.fstat(dst_fd).st_size:
        os.truncate(dst_fd, size)  # it ends in a hole
    return size > 0


def write_all(fd: int, data: memoryview) -> None:
    """write(2) until everything is written."""
    while data:
        data = data[os.write(fd, data) :]
