"""git-annex's own server for one repository, spoken to over its standard input: `git-annex-shell p2pstdio`.

Content that is put this way also gets into the work tree there, where git-annex keeps ordinary files for it,
which nobody else can do. The protocol: https://git-annex.branchable.com/design/p2p_protocol/ (version 1 here:
DATA, then VALID). The server writes its location log down when the connection ends.
"""

import os
import re
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import IO, BinaryIO

from instep.annex.errors import AnnexError
from instep.annex.launcher import find_launcher
from instep.core.types import Key, RelPath, RemoteUuid
from instep.git.process import Complaints

_VERSION = b"VERSION 1"
_PIECE_BYTES = 256 << 10
_END_WITHIN_S = 10.0
MAX_LINE_BYTES = 64 << 10
"""More than any answer has."""


class P2pServer:
    """One server process. For one thread at a time. Raises AnnexError from every method where it fails."""

    def __init__(self, folder: bytes, ours: RemoteUuid) -> None:
        """`folder`: the repository, absolute. `ours`: who we are."""
        launcher = find_launcher()
        self._complaints = Complaints()
        try:
            self._process = subprocess.Popen(
                ["git-annex-shell", "p2pstdio", folder, ours],
                executable=launcher.binary,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints.fd,
                env=launcher.environment(),
            )
        except OSError as error:
            self._complaints.close()
            raise AnnexError(f"git-annex can't be started: {error.strerror}.") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to: IO[bytes] = self._process.stdin
        self._from: IO[bytes] = self._process.stdout
        if not self._read().startswith(b"AUTH-SUCCESS") or not self._ask(_VERSION).startswith(b"VERSION "):
            raise self._failed("git-annex-shell does not speak the P2P protocol")

    def put(self, key: Key, path: RelPath, file: BinaryIO, progress: Callable[[int], None]) -> bool:
        """Store a content that belongs to `path`. False: it was not taken, because it is not the key's or
        for a reason that is not told."""
        answer = self._ask(b"PUT %b %b" % (_word(path), key))
        if answer.startswith(b"ALREADY-HAVE"):
            return True
        size = os.fstat(file.fileno()).st_size
        offset = put_from(answer)
        if offset is None or offset > size:
            raise self._failed(os.fsdecode(answer))
        file.seek(offset)
        self._write(b"DATA %d\n" % (size - offset))
        while offset < size:
            piece = file.read(min(_PIECE_BYTES, size - offset))
            if not piece:
                raise self._failed("the file became shorter")
            self._write(piece)
            offset += len(piece)
            progress(offset)
        return self._ask(b"VALID").startswith(b"SUCCESS")

    def close(self) -> None:
        """End it. Idempotent."""
        for stream in (self._to, self._from):
            with suppress(OSError):
                stream.close()
        try:
            self._process.wait(_END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._complaints.close()

    def _ask(self, line: bytes) -> bytes:
        self._write(line + b"\n")
        return self._read()

    def _write(self, data: bytes) -> None:
        try:
            self._to.write(data)
            self._to.flush()
        except OSError as error:
            raise self._failed("git-annex-shell ended") from error

    def _read(self) -> bytes:
        line = self._from.readline(MAX_LINE_BYTES)
        if not line.endswith(b"\n"):
            raise self._failed("git-annex-shell ended")
        return line[:-1]

    def _failed(self, otherwise: str) -> AnnexError:
        said = self._complaints.read().decode(errors="replace").strip().splitlines()
        return AnnexError(said[-1] if said else otherwise)


def put_from(answer: bytes) -> int | None:
    """Where to begin, in bytes; None: the answer is another one."""
    found = re.fullmatch(rb"PUT-FROM ([0-9]{1,18})", answer)
    return None if found is None else int(found[1])


def _word(path: RelPath) -> bytes:
    """A file name as one word of the protocol: whitespace can't be told, a percent sign is doubled."""
    escaped = path.replace(b"%", b"%%")
    return bytes(ord("%") if byte in b" \t\r\n\v\f" else byte for byte in escaped)
