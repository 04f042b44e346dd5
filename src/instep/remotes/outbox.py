"""What waits to be written to one connection, in lanes.

The lane with the lowest number goes first, at the boundaries of what was put in. Each lane is bounded in
bytes: `put` waits while its lane is full, so a fast producer goes at the pace of the wire. A frame is in the
outbox whole or not at all, whatever is cancelled meanwhile.
"""

from collections import deque
from collections.abc import Mapping

import anyio

from instep.remotes.errors import LinkError
from instep.remotes.frames import Lane

LIMITS_BYTES: Mapping[Lane, int] = {Lane.CONTROL: 1 << 20, Lane.HISTORY: 4 << 20, Lane.CONTENT: 2 << 20}
"""A lane takes more while it holds less than this; so it holds at most this and one frame."""


class _Queue:
    """One lane: its frames, their size, and who waits for room."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.frames: deque[bytes] = deque()
        self.size_bytes = 0
        self.room = anyio.Event()
        self.turn = anyio.Lock(fast_acquire=True)

    @property
    def is_full(self) -> bool:
        return self.size_bytes >= self.limit_bytes

    def push(self, data: bytes) -> None:
        self.frames.append(data)
        self.size_bytes += len(data)

    def pop(self) -> bytes:
        data = self.frames.popleft()
        self.size_bytes -= len(data)
        self.wake()
        return data

    def clear(self) -> None:
        self.frames.clear()
        self.size_bytes = 0
        self.wake()

    def wake(self) -> None:
        self.room.set()
        self.room = anyio.Event()


class Outbox:
    """Senders put, one writer takes. Once closed, waiting for it raises what it was closed with."""

    def __init__(self, limits_bytes: Mapping[Lane, int] = LIMITS_BYTES) -> None:
        self._queues = [_Queue(limits_bytes[lane]) for lane in Lane]
        self._torn = b""
        self._writing = False
        self._holds_content = False
        self.taken: Lane = Lane.CONTROL
        """The lane of what was taken last."""
        self._refusal: LinkError | None = None
        self._error: LinkError | None = None
        self._filled = anyio.Event()
        self._emptied = anyio.Event()

    @property
    def is_idle(self) -> bool:
        """Nothing waits and nothing is being written: one may write to the connection oneself."""
        return not self._writing and self._refusal is None and not self._torn and self._next() is None

    async def put(self, lane: Lane, data: bytes) -> None:
        """Hands over frames of one lane, first come, first served; waits while the lane is full."""
        self._admit()
        queue = self._queues[lane]
        if queue.is_full or queue.turn.locked():
            async with queue.turn:
                while queue.is_full and self._refusal is None:
                    await queue.room.wait()
                self._admit()
                self._push(queue, data)
        else:
            self._push(queue, data)

    def put_now(self, lane: Lane, data: bytes) -> bool:
        """Hands over a frame that may be dropped: False, and nothing done, if it cannot go now."""
        queue = self._queues[lane]
        if queue.is_full or self._refusal is not None:
            return False
        self._push(queue, data)
        return True

    def put_torn(self, rest: bytes) -> None:
        """The rest of what was written in part while the outbox was idle: goes before everything."""
        self._admit()
        self._torn = rest
        self._filled.set()

    async def take(self) -> bytes:
        """The next bytes to write, for the one writer; that they are written is said by taking again."""
        self._writing = False
        while (queue := self._next()) is None and not self._torn:
            self._check()
            if self._is_empty:
                self._emptied.set()
            self._filled = anyio.Event()
            await self._filled.wait()
        self._check()
        self._writing = True
        if self._torn or queue is None:
            data, self._torn = self._torn, b""
            return data
        self.taken = Lane(self._queues.index(queue))
        return queue.pop()

    def hold_content(self, held: bool) -> None:
        """Whether content waits, however idle the connection is."""
        if self._holds_content and not held:
            self._filled.set()
        self._holds_content = held

    def _next(self) -> _Queue | None:
        """The first queue from which something may go."""
        queues = self._queues[: Lane.CONTENT] if self._holds_content else self._queues
        return next((queue for queue in queues if queue.frames), None)

    async def drain(self, farewell: bytes, refusal: LinkError) -> None:
        """Forgets what is no control frame, puts `farewell` last and waits until all is written.

        From now on senders get `refusal`.
        """
        self._admit()
        self._refusal = refusal
        for queue in self._queues[Lane.HISTORY :]:
            queue.clear()
        self._push(self._queues[Lane.CONTROL], farewell)
        self._emptied = anyio.Event()
        await self._emptied.wait()
        self._check()

    def close(self, error: LinkError) -> None:
        """Takes nothing more and wakes everybody. The first error stays."""
        if self._error is not None:
            return
        self._error = error
        self._refusal = self._refusal or error
        self._filled.set()
        self._emptied.set()
        for queue in self._queues:
            queue.clear()

    @property
    def _is_empty(self) -> bool:
        return not self._torn and not any(queue.frames for queue in self._queues)

    def _push(self, queue: _Queue, data: bytes) -> None:
        queue.push(data)
        self._filled.set()

    def _admit(self) -> None:
        if self._refusal is not None:
            raise self._refusal

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
