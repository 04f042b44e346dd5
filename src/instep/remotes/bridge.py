"""Bytes from a pipe to a socket and back, until either side has enough: the far end of a link over ssh.

Blocking, two threads, no buffers beside the one in hand: whoever reads slowly slows the writer down.
"""

import os
import socket
import threading
from contextlib import suppress

CHUNK_BYTES = 256 << 10


def bridge(source: int, sink: int, connection: socket.socket) -> None:
    """Carry bytes from the descriptor `source` to the connection, and from there to `sink`. Returns when the
    connection has ended or `sink` takes nothing more; when `source` ends, the connection is told so."""
    inward = threading.Thread(target=_inward, args=(source, connection), daemon=True)
    inward.start()
    with suppress(BrokenPipeError, ConnectionResetError):
        while data := connection.recv(CHUNK_BYTES):
            write_all(sink, data)


def _inward(source: int, connection: socket.socket) -> None:
    with suppress(OSError):
        while data := os.read(source, CHUNK_BYTES):
            connection.sendall(data)
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


def write_all(sink: int, data: bytes) -> None:
    """Everything, also into a pipe that takes only a part at once."""
    view = memoryview(data)
    while view:
        view = view[os.write(sink, view) :]
