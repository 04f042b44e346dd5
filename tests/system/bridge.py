"""Standard input and output to a Unix socket and back: what a test puts in place of the far `instep`."""

import os
import socket
import sys
import threading


def to(connection: socket.socket) -> None:
    while data := os.read(0, 65536):
        connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
    connection.connect(sys.argv[1])
    threading.Thread(target=to, args=(connection,), daemon=True).start()
    while data := connection.recv(65536):
        os.write(1, data)
