"""git-annex's own server for one repository, spoken to over its standard input: `git-annex-shell p2pstdio`.

Content that is put this way also gets into the work tree there, where git-annex keeps ordinary files for it,
which nobody else can do. The server can be a process on this computer or one at the far end of ssh; it is
trusted with nothing: lengths are checked before they are believed, and whoever gets content verifies it.

The protocol: https://git-annex.branchable.com/design/p2p_protocol/, versions 0 to 4. Of what came after
version 1, only answers with more words (`SUCCESS-PLUS UUID...`) concern us. The server writes its location
log down when the connection ends.
"""

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import IO, BinaryIO

from instep.annex.errors import AnnexError
from instep.annex.launcher import find_launcher
from instep.core.keys import size_of
from instep.core.types import Key, RelPath, RemoteUuid
from instep.git.errors import sentence
from instep.git.process import Complaints, finish

NEWEST_VERSION = 4
_PIECE_BYTES = 256 << 10
_LINE_BYTES = 64 << 10
_END_WITHIN_S = 10.0


class P2pServer:
    """One server process. For one thread at a time (but `kill`). Raises AnnexError from every method where it
    fails; it is of no more use then."""

    def __init__(
        self, command: Sequence[str | bytes], environment: Mapping[str, str], executable: str | None = None
    ) -> None:
        """Starts it, and agrees on a version of the protocol. `command`: what starts one."""
        self._complaints = Complaints()
        try:
            self._process = subprocess.Popen(
                command,
                executable=executable,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints.fd,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            self._complaints.close()
            raise AnnexError(f"git-annex-shell can't be started: {error.strerror}.") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to: IO[bytes] = self._process.stdin
        self._from: IO[bytes] = self._process.stdout
        self.version = 0
        try:
            if not self._read().startswith(b"AUTH-SUCCESS"):
                raise self._failed("git-annex-shell does not speak the P2P protocol")
            self.version = _version(self._ask(b"VERSION %d" % NEWEST_VERSION))
        except BaseException:
            self.close()
            raise

    def has(self, key: Key) -> bool:
        """Whether the content is there."""
        return self._is_yes(self._ask(b"CHECKPRESENT " + key))

    def put(self, key: Key, path: RelPath, file: BinaryIO, progress: Callable[[int], None]) -> bool:
        """Store a content that belongs to `path`. `progress` is told first how much of it was there already.
        False: it was not taken, because it is not the key's or for a reason that is not told."""
        answer = self._ask(b"PUT %b %b" % (_word(path), key))
        if answer.startswith(b"ALREADY-HAVE"):
            return True
        offset = number_in(answer, b"PUT-FROM ")
        size = os.fstat(file.fileno()).st_size
        if offset is None or offset > size:
            raise self._failed(_said(answer))
        file.seek(offset)
        progress(offset)
        self._write(b"DATA %d\n" % (size - offset))
        while offset < size:
            piece = file.read(min(_PIECE_BYTES, size - offset))
            if not piece:
                raise self._failed("the file became shorter")
            self._write(piece)
            offset += len(piece)
            progress(offset)
        if self.version > 0:
            self._write(b"VALID\n")
        return self._is_yes(self._read())

    def get(self, key: Key, offset: int, write: Callable[[bytes], None]) -> bool:
        """Have the content from `offset` on handed to `write`, piece by piece. False: it is not there, or
        became another one while it was sent; then what was written is not to be used."""
        length = number_in(answer := self._ask(b"GET %d  %b" % (offset, key)), b"DATA ")
        size = size_of(key)
        if length is None or (size is not None and length > size - offset):
            raise self._failed(_said(answer))
        left = length
        while left:
            piece = self._from.read(min(_PIECE_BYTES, left))
            if not piece:
                raise self._failed("git-annex-shell ended")
            write(piece)
            left -= len(piece)
        is_valid = self.version == 0 or self._read() == b"VALID"
        self._write(b"SUCCESS\n" if is_valid else b"FAILURE\n")
        return is_valid

    def close(self) -> None:
        """End it, in good order if it lets us. Idempotent."""
        finish(self._process, _END_WITHIN_S)
        self._complaints.close()

    def kill(self) -> None:
        """End it now, from any thread: whoever waits for an answer of it gets an error."""
        if self._process.returncode is None:
            self._process.kill()

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
        line = self._from.readline(_LINE_BYTES)
        if not line.endswith(b"\n"):
            raise self._failed("git-annex-shell ended")
        return line[:-1]

    def _is_yes(self, answer: bytes) -> bool:
        word = answer.partition(b" ")[0]
        if word in (b"SUCCESS", b"SUCCESS-PLUS"):
            return True
        if word in (b"FAILURE", b"FAILURE-PLUS"):
            return False
        raise self._failed(_said(answer))

    def _failed(self, otherwise: str) -> AnnexError:
        return AnnexError(sentence(self._complaints.read(), otherwise))


def local_server(folder: bytes, ours: RemoteUuid) -> P2pServer:
    """One for a repository on this computer, given by its absolute path. `ours`: who we are."""
    launcher = find_launcher()
    command = ["git-annex-shell", "p2pstdio", folder, ours]
    return P2pServer(command, launcher.environment(), launcher.binary)


def _version(answer: bytes) -> int:
    """What the server chose; one that does not know the question speaks version 0."""
    chosen = number_in(answer, b"VERSION ")
    return 0 if chosen is None else min(chosen, NEWEST_VERSION)


def number_in(answer: bytes, word: bytes) -> int | None:
    """The number that follows the word, and nothing else does; None: the answer is another one."""
    text = answer.removeprefix(word)
    return int(text) if answer.startswith(word) and text.isdigit() and len(text) < 20 else None


def _said(answer: bytes) -> str:
    text = answer.removeprefix(b"ERROR ").decode(errors="replace")[:200]
    return f"git-annex-shell says: {text}"


def _word(path: RelPath) -> bytes:
    """A file name as one word of the protocol: whitespace can't be told, a percent sign is doubled."""
    escaped = path.replace(b"%", b"%%")
    return bytes(ord("%") if byte in b" \t\r\n\v\f" else byte for byte in escaped)
