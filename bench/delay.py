"""A ProxyCommand for ssh that makes the way to a server longer: `python -m bench.delay HOST PORT SECONDS`.

What comes from either side is handed on `SECONDS` later, whole and in order, as by a long cable. (For kernels
that lack netem.)
"""

import contextlib
import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable

PIECE_BYTES = 64 << 10


def carry(read: Callable[[], bytes], write: Callable[[bytes], object], delay_s: float) -> None:
    """Hands on what is read until there is no more; the end too."""
    waiting: queue.Queue[tuple[float, bytes]] = queue.Queue()

    def hand_on() -> None:
        with contextlib.suppress(OSError):
            while True:
                due_s, data = waiting.get()
                time.sleep(max(0.0, due_s - time.monotonic()))
                write(data)
                if not data:
                    return

    threading.Thread(target=hand_on, daemon=True).start()
    data = b"-"
    while data:
        try:
            data = read()
        except OSError:
            data = b""
        waiting.put((time.monotonic() + delay_s, data))


def main() -> None:
    host, port, delay_s = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    with socket.create_connection((host, port)) as server:
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def send(data: bytes) -> None:
            if data:
                server.sendall(data)
            else:
                server.shutdown(socket.SHUT_WR)

        out = threading.Thread(
            target=carry, args=(lambda: os.read(0, PIECE_BYTES), send, delay_s), daemon=True
        )
        out.start()
        carry(lambda: server.recv(PIECE_BYTES), lambda data: os.write(1, data), delay_s)
        time.sleep(delay_s)


if __name__ == "__main__":
    main()
