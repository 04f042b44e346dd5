"""Servers for one repository's content (`annex.p2p`), started when needed and kept for the next in need."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from instep.annex.errors import AnnexError
from instep.annex.p2p import P2pServer


class P2pPool:
    """As many servers as threads want one at once. Safe to use from several threads."""

    def __init__(self, start: Callable[[], P2pServer]) -> None:
        self._start = start
        self._guard = threading.Lock()
        self._idle: list[P2pServer] = []
        self._all: set[P2pServer] = set()
        self._closed = False

    @contextmanager
    def one(self) -> Generator[P2pServer]:
        """A server for the block; it is given up if the block raises, since half an answer may be on its
        way. Raises AnnexError."""
        server = self._taken() or self._started()
        try:
            yield server
        except BaseException:
            self._end(server)
            raise
        with self._guard:
            if not self._closed:
                self._idle.append(server)
                return
        self._end(server)

    def rest(self, keep: int = 0) -> None:
        """End those that nobody uses, but for some."""
        with self._guard:
            ending, self._idle = self._idle[keep:], self._idle[:keep]
        for server in ending:
            self._end(server)

    def close(self) -> None:
        """End those that nobody uses, and the others when they are given back. Idempotent."""
        self._closed = True
        self.rest()

    def kill(self) -> None:
        """End all now. Does not block."""
        self._closed = True
        with self._guard:
            servers = list(self._all)
        for server in servers:
            server.kill()

    def _taken(self) -> P2pServer | None:
        with self._guard:
            return self._idle.pop() if self._idle else None

    def _started(self) -> P2pServer:
        if self._closed:
            raise AnnexError("it is being let go of")
        server = self._start()
        with self._guard:
            self._all.add(server)
        return server

    def _end(self, server: P2pServer) -> None:
        with suppress(OSError):
            server.close()
        with self._guard:
            self._all.discard(server)
