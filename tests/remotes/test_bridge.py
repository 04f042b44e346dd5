"""Bytes go through the far end whole and in order, both ways, and an end on either side ends it."""

import os
import socket
import threading

from instep.remotes.bridge import bridge

LONG = os.urandom(3 << 20)


def start(source: int, sink: int, connection: socket.socket) -> threading.Thread:
    thread = threading.Thread(target=bridge, args=(source, sink, connection))
    thread.start()
    return thread


def read_all(fd: int, size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := os.read(fd, 1 << 20)):
        data += piece
    return data


def test_both_ways_at_once_and_an_end() -> None:
    (source, into), (out, sink) = os.pipe(), os.pipe()
    here, there = socket.socketpair()
    bridging = start(source, sink, here)

    def write(write_bytes: threading.Event) -> None:
        os.write(into, b"first")
        view = memoryview(LONG)
        while view:
            view = view[os.write(into, view) :]
        write_bytes.set()

    written = threading.Event()
    writer = threading.Thread(target=write, args=(written,))
    sender = threading.Thread(target=there.sendall, args=(LONG,))
    for thread in (writer, sender):
        thread.start()
    back: list[bytes] = []
    reader = threading.Thread(target=lambda: back.append(read_all(out, len(LONG))))
    reader.start()
    got = b""
    while len(got) < len(LONG) + 5:
        got += there.recv(1 << 20)
    assert got == b"first" + LONG
    for thread in (writer, sender, reader):
        thread.join()
    assert back == [LONG]
    os.close(into)
    assert there.recv(1) == b"", "the end of the input is told"
    there.close()
    bridging.join()
    for fd in (source, sink, out):
        os.close(fd)
    here.close()


def test_a_reader_who_goes_ends_it() -> None:
    (source, into), (out, sink) = os.pipe(), os.pipe()
    here, there = socket.socketpair()
    bridging = start(source, sink, here)
    os.close(out)
    there.sendall(b"to nobody")
    bridging.join()
    os.close(into)
    for end in (here, there):
        end.close()
    for fd in (source, sink):
        os.close(fd)
