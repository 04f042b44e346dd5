"""The system calls that Python's `os` lacks, each as a thin function that raises OSError with its errno.

Rules of this file: no policy and no state; names are bytes; directories are given by descriptor.
Constants are those of the kernel's headers (`linux/fs.h`, `linux/openat2.h`, `linux/inotify.h`), equal on
every architecture that Python runs on with glibc.
"""

import ctypes
import errno
import fcntl
import os
import struct

AT_FDCWD = -100
"""In place of a directory's descriptor: the current directory."""

RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08

_RENAME_NOREPLACE = 1
_RENAME_EXCHANGE = 2
_SYNC_FILE_RANGE_WAIT_BEFORE = 1
_SYNC_FILE_RANGE_WRITE = 2
_SYNC_FILE_RANGE_WAIT_AFTER = 4
_FICLONE = 0x40049409
_SYS_OPENAT2 = 437
_OPEN_HOW = struct.Struct("=QQQ")  # flags, mode, resolve

_libc = ctypes.CDLL(None, use_errno=True)

_renameat2 = _libc.renameat2
_renameat2.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
_sync_file_range = _libc.sync_file_range
_sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
_syncfs = _libc.syncfs
_syncfs.argtypes = (ctypes.c_int,)
_fstatfs = _libc.fstatfs
_fstatfs.argtypes = (ctypes.c_int, ctypes.c_void_p)
_syscall = _libc.syscall
_syscall.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t)
_syscall.restype = ctypes.c_long
_inotify_init1 = _libc.inotify_init1
_inotify_init1.argtypes = (ctypes.c_int,)
_inotify_add_watch = _libc.inotify_add_watch
_inotify_add_watch.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
_inotify_rm_watch = _libc.inotify_rm_watch
_inotify_rm_watch.argtypes = (ctypes.c_int, ctypes.c_int)


def _failed(name: bytes | None = None) -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code), name)


def rename_noreplace(src_fd: int, src: bytes, dst_fd: int, dst: bytes) -> None:
    """Renames `src` to `dst`; FileExistsError if something (a dangling link too) stands at `dst`.

    Where the file system can't (EINVAL: some FUSE ones, NFS), the same by a hard link, which fails as well
    when `dst` exists; where that can't be either, the first error.
    """
    if _renameat2(src_fd, src, dst_fd, dst, _RENAME_NOREPLACE) == 0:
        return
    error = _failed(dst)
    if error.errno not in (errno.EINVAL, errno.ENOSYS):
        raise error
    try:
        os.link(src, dst, src_dir_fd=src_fd, dst_dir_fd=dst_fd, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        raise error from None
    os.unlink(src, dir_fd=src_fd)


def rename_exchange(a_fd: int, a: bytes, b_fd: int, b: bytes) -> None:
    """Exchanges two names in one step; both must exist."""
    if _renameat2(a_fd, a, b_fd, b, _RENAME_EXCHANGE) != 0:
        raise _failed(b)


def write_out(fd: int, *, wait: bool) -> None:
    """Hands a file's dirty pages to the device; with `wait`, returns when it has them (no cache flush)."""
    flags = _SYNC_FILE_RANGE_WRITE
    if wait:
        flags |= _SYNC_FILE_RANGE_WAIT_BEFORE | _SYNC_FILE_RANGE_WAIT_AFTER
    if _sync_file_range(fd, 0, 0, flags) != 0:
        raise _failed()


def syncfs(fd: int) -> None:
    """Makes everything on the file system of `fd` durable."""
    if _syncfs(fd) != 0:
        raise _failed()


def filesystem_magic(fd: int) -> int:
    """The `f_type` of statfs(2), its first member on every architecture."""
    buffer = ctypes.create_string_buffer(512)
    if _fstatfs(fd, buffer) != 0:
        raise _failed()
    return ctypes.c_long.from_buffer(buffer).value & 0xFFFFFFFF


def clone(dst_fd: int, src_fd: int) -> None:
    """Makes `dst` share all of `src`'s blocks; OSError (EOPNOTSUPP, EXDEV, EINVAL) where that can't be."""
    fcntl.ioctl(dst_fd, _FICLONE, src_fd)


def openat2(dir_fd: int, path: bytes, flags: int, mode: int, resolve: int) -> int:
    """openat2(2). ENOSYS before Linux 5.6; EPERM in some sandboxes."""
    how = _OPEN_HOW.pack(flags, mode, resolve)
    fd = _syscall(_SYS_OPENAT2, dir_fd, path, how, len(how))
    if fd < 0:
        raise _failed(path)
    return fd


def inotify_init() -> int:
    """A new inotify descriptor, non-blocking and closed on exec."""
    fd = _inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if fd < 0:
        raise _failed()
    return fd


def inotify_add_watch(fd: int, path: bytes, mask: int) -> int:
    """The watch descriptor; the same one as before if the directory is watched already."""
    wd = _inotify_add_watch(fd, path, mask)
    if wd < 0:
        raise _failed(path)
    return wd


def inotify_rm_watch(fd: int, wd: int) -> None:
    """EINVAL if the kernel removed the watch already."""
    if _inotify_rm_watch(fd, wd) != 0:
        raise _failed()
