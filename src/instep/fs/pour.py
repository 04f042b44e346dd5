"""One pass over a file: read once, and at the same time hashed and written to several places.

A large file is read, hashed and written by a thread each, block by block; its copies go past the page cache
where the file system lets them, so that they are on the disk when they are written, push nothing else out of
memory, and leave an fsync little to do. Holes stay holes: they are hashed as the zeros that they read as, and
skipped where it is written.
"""

import errno
import fcntl
import mmap
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple, Protocol

from instep.fs import syscalls

PARALLEL_BYTES = 8 << 20
"""From this size on threads are worth their start."""

_BLOCK_BYTES = 4 << 20
_SMALL_BLOCK_BYTES = 1 << 20
_BLOCKS_AHEAD = 4
_ALIGNED_BYTES = 4096  # what every device is content with
_ZEROS = memoryview(bytes(_SMALL_BLOCK_BYTES))
_NOT_LIKE_THAT = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.EAGAIN, errno.ENOSYS})

Job = Callable[[memoryview, int], None]
Progress = Callable[[int], None]


class Hasher(Protocol):
    """A hashlib object."""

    def update(self, data: "memoryview | bytes", /) -> None: ...


class Extent(NamedTuple):
    """A part of a file; `is_hole`: it reads as zeros and takes no space."""

    start: int
    end: int
    is_hole: bool


def pour(
    source: int,
    hashers: Sequence[Hasher],
    sinks: Sequence[int] = (),
    *,
    offset: int = 0,
    progress: Progress | None = None,
) -> int:
    """Passes all of `source` from `offset` on through the hashers and writes it to the same place in every
    sink, a file without content from `offset` on. Moves no offset of `source`. Gives the size.

    `progress` gets the bytes done after each block and may raise to give up. OSError as from read and write;
    what the sinks then hold is a beginning.
    """
    size = os.fstat(source).st_size
    large = size - offset >= PARALLEL_BYTES
    jobs = [_hashing(hasher) for hasher in hashers]
    with ExitStack() as stack:
        jobs += [stack.enter_context(_Sink(sink, large=large)).write for sink in sinks]
        read = stack.enter_context(_source(source, direct=large))
        work = _Work(jobs, stack.enter_context(_threads(len(jobs) if large else 0)))
        for block, at, is_hole in _blocks(read, source, offset, work):
            work.put(block, at, only=len(hashers) if is_hole else None)
            offset = at + len(block)
            if progress is not None:
                progress(offset)
        work.finish()
    for sink in sinks:
        if os.fstat(sink).st_size < offset:
            os.truncate(sink, offset)  # it ends in a hole
    return offset


def extents(fd: int, start: int) -> Iterator[Extent]:
    """The data and the holes from `start` to the end, as the file system tells them apart; data only if it
    does not, or if the file has no holes to speak of. The last one of data has no end: the file may grow."""
    st = os.fstat(fd)
    endless = Extent(start, 2**63 - 1, is_hole=False)
    if st.st_blocks * 512 >= st.st_size:
        yield endless
        return
    before = os.lseek(fd, 0, os.SEEK_CUR)
    try:
        while start < st.st_size:
            data = _seek(fd, start, os.SEEK_DATA, st.st_size)
            if data > start:
                yield Extent(start, data, is_hole=True)
            start = _seek(fd, data, os.SEEK_HOLE, st.st_size) if data < st.st_size else data
            if start > data:
                yield Extent(data, start, is_hole=False)
        yield Extent(st.st_size, 2**63 - 1, is_hole=False)
    finally:
        os.lseek(fd, before, os.SEEK_SET)


def _seek(fd: int, start: int, what: int, size: int) -> int:
    try:
        return min(os.lseek(fd, start, what), size)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return size
        if error.errno == errno.EINVAL:  # it can't tell
            return start if what == os.SEEK_DATA else size
        raise


class _Work:
    """Blocks on their way through all jobs, in order for each; at most some of them at a time."""

    def __init__(self, jobs: Sequence[Job], lanes: Sequence[ThreadPoolExecutor]) -> None:
        self._jobs = jobs
        self._lanes = lanes
        size = _BLOCK_BYTES if lanes else _SMALL_BLOCK_BYTES
        self._buffers = [memoryview(mmap.mmap(-1, size)) for _ in range(_BLOCKS_AHEAD if lanes else 1)]
        self._busy: list[list[Future[None]]] = [[] for _ in self._buffers]
        self._next = 0

    def buffer(self) -> memoryview:
        """One that nobody uses any more. Raises what a job raised."""
        self._wait(self._next)
        return self._buffers[self._next]

    def put(self, block: memoryview, at: int, only: int | None) -> None:
        """Gives a block to every job, or to the first `only` of them."""
        jobs = self._jobs[:only]
        if not self._lanes:
            for job in jobs:
                job(block, at)
            return
        self._wait(self._next)
        pairs = zip(self._lanes, jobs, strict=False)
        self._busy[self._next] = [lane.submit(job, block, at) for lane, job in pairs]
        self._next = (self._next + 1) % len(self._buffers)

    def finish(self) -> None:
        for number in range(len(self._busy)):
            self._wait(number)

    def _wait(self, number: int) -> None:
        waiting, self._busy[number] = self._busy[number], []
        for future in waiting:
            future.result()


def _blocks(
    read: Callable[[memoryview, int], int], fd: int, start: int, work: _Work
) -> Iterator[tuple[memoryview, int, bool]]:
    """The content from `start` on: (block, where it is, whether it is part of a hole)."""
    for extent in extents(fd, start):
        at = extent.start
        while at < extent.end:
            if extent.is_hole:
                block = _ZEROS[: extent.end - at]
            else:
                buffer = work.buffer()[: extent.end - at]
                block = buffer[: read(buffer, at)]
            if not block:
                return
            yield block, at, extent.is_hole
            at += len(block)


def _hashing(hasher: Hasher) -> Job:
    return lambda block, _at: hasher.update(block)


class _Sink:
    """A file that is written in order: past the page cache, if it is large."""

    def __init__(self, fd: int, *, large: bool) -> None:
        self._fd = fd
        self._early = large
        self._direct = large and _set_direct(fd, on=True)

    def __enter__(self) -> "_Sink":
        return self

    def __exit__(self, *_: object) -> None:
        if self._direct:  # the caller's descriptor is as it was
            _set_direct(self._fd, on=False)

    def write(self, block: memoryview, at: int) -> None:
        if self._direct:
            whole = len(block) - len(block) % _ALIGNED_BYTES if at % _ALIGNED_BYTES == 0 else 0
            if self._write_direct(block[:whole], at):
                block, at = block[whole:], at + whole
        if not block:
            return
        if self._direct:  # an odd end: what follows, if anything does, goes the usual way
            self._direct = False
            _set_direct(self._fd, on=False)
        _write_all(self._fd, block, at)
        if self._early:
            with suppress(OSError):  # only a hint: who needs it durable syncs it
                syscalls.write_out(self._fd, wait=False)

    def _write_direct(self, block: memoryview, at: int) -> bool:
        try:
            _write_all(self._fd, block, at)
        except OSError as error:
            if error.errno not in _NOT_LIKE_THAT:
                raise
            return False
        return True


def _write_all(fd: int, block: memoryview, at: int) -> None:
    while block:
        count = os.pwrite(fd, block, at)
        block, at = block[count:], at + count


def _set_direct(fd: int, *, on: bool) -> bool:
    """Whether writes to `fd` go past the page cache now."""
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    try:
        fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_DIRECT if on else flags & ~os.O_DIRECT)
    except OSError:
        return False
    return on


@contextmanager
def _source(fd: int, *, direct: bool) -> Generator[Callable[[memoryview, int], int]]:
    """How to read a block: from memory what is there, past the page cache what is not."""
    with ExitStack() as opened:
        past = -1
        if direct:
            with suppress(OSError):
                past = os.open(b"/proc/self/fd/%d" % fd, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
                opened.callback(os.close, past)

        def read(buffer: memoryview, at: int) -> int:
            if past >= 0 and at % _ALIGNED_BYTES == 0:
                with suppress(OSError):  # EAGAIN: it is not in memory
                    if (count := os.preadv(fd, [buffer], at, os.RWF_NOWAIT)) == len(buffer):
                        return count
                with suppress(OSError):  # EINVAL: not like that; a real error comes again
                    return os.preadv(past, [buffer], at)
            return os.preadv(fd, [buffer], at)

        yield read


@contextmanager
def _threads(count: int) -> Generator[list[ThreadPoolExecutor]]:
    """One thread for each job, so that each job has its blocks in order."""
    lanes = [ThreadPoolExecutor(1, thread_name_prefix="pour") for _ in range(count)]
    try:
        yield lanes
    finally:
        for lane in lanes:
            lane.shutdown(cancel_futures=True)
