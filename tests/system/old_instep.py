"""Another program that speaks the link protocol, in its oldest version: written from docs/link-protocol.md.

Nothing here is instep's own, encoding included: what these tests say is that the document is enough. Its
folder is a bare git repository, which plain git reads and writes.
"""

import json
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from tests.conftest import run_git

HELLO, HEADS, OBJECTS, INLINE, PACK, MOVE, MOVED = 1, 2, 3, 4, 5, 6, 7
WANT, CONTENT, NO_CONTENT, PONG = 9, 10, 11, 15
NEWEST_FRAME = 16
"""Of version 1."""
UUID = "00000000-0000-4000-8000-0000000000ff"

Frame = list[Any]


class Ended(Exception):
    """The other side has closed the connection; the text is the reason in its Bye."""


class OldInstep:
    """One end of one connection. `source`, `sink`: its bytes. `top`: where its repository is made."""

    def __init__(self, top: Path, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink
        self._bye = ""
        self._moves = 0
        self.repo = top / "old.git"
        self.inline: dict[bytes, bytes] = {}
        self.heads: Frame = []
        """The other side's newest."""
        if not self.repo.exists():
            run_git(top, "init", "-q", "--bare", "-b", "main", str(self.repo))

    # over ssh, and what `instep link DIR` says

    def ask(self, **request: object) -> dict[str, Any]:
        """One line of JSON to `instep link`, and the answer; the greeting is read already."""
        self._sink.write(json.dumps(request).encode() + b"\n")
        self._sink.flush()
        while "busy" in (answer := json.loads(self._source.readline())):
            pass
        return answer

    def read_greeting(self) -> None:
        while self._source.readline() != b"instep-link 1\n":
            pass

    def receive_caller(self) -> None:
        """As the far end of a connection over ssh, up to the link's first byte."""
        self._sink.write(b"some shell's noise\ninstep-link 1\n")
        self._sink.flush()
        request = json.loads(self._source.readline())
        assert request["do"] == "link"
        self._sink.write(b'{"busy": true, "since": "long ago"}\n{"ok": {"more": "than is known"}}\n')
        self._sink.flush()

    # frames

    def hello(self, protocol: int = 1, oldest: int = 1, *more: object) -> None:
        """With a feature that nobody knows, and fields that come after the last one."""
        features = ["files-of-the-future", "telepathy"]
        self.send(HELLO, protocol, oldest, "oldstep 0.0", UUID, "sha1", "/old", features, *more)

    def send(self, number: int, *fields: object) -> None:
        payload = pack([number, *fields])
        with suppress(BrokenPipeError):  # it is closed: why stands in what is still to be read
            self._sink.write(len(payload).to_bytes(4, "big") + payload)
            self._sink.flush()

    def receive(self) -> Frame:
        """The next frame that is more than a sign of life. Raises Ended."""
        while True:
            length = self._source.read(4)
            if len(length) < 4:
                raise Ended(self._bye)
            payload = self._source.read(int.from_bytes(length, "big"))
            frame, end = unpack(payload, 0)
            assert end == len(payload)
            assert frame[0] <= NEWEST_FRAME, "a frame that version 1 does not have"
            match frame[0]:
                case 14:  # Ping
                    self.send(PONG, frame[1])
                case 15:  # Pong
                    pass
                case 16:  # Bye
                    self._bye = frame[1]
                case _:
                    return frame

    def until(self, holds: Callable[[], bool]) -> None:
        """Take what comes."""
        while not holds():
            self.take(self.receive())

    def take(self, frame: Frame) -> None:
        """Objects are stored, moves made, heads remembered."""
        number, *fields = frame
        if number == HEADS:
            self.heads = fields
        elif number == OBJECTS:
            for kind, data in fields[0]:
                self._store(kind.decode(), data)
        elif number == INLINE:
            self.inline |= dict(fields[0])
        elif number == MOVE:
            for ref, _, new in fields[1]:
                run_git(self.repo, "update-ref", ref, new.hex())
            self.send(MOVED, fields[0], "durable")
            self.say_heads()

    def say_heads(self) -> None:
        self.send(HEADS, "main", self.head, self._ref("refs/heads/git-annex"), True)

    @property
    def has_all(self) -> bool:
        """Whether both stand at one commit."""
        return self.head is not None and [self.head] == self.heads[1:2]

    @property
    def head(self) -> bytes | None:
        return self._ref("refs/heads/synced/main")

    def _ref(self, name: str) -> bytes | None:
        found = run_git(self.repo, "rev-parse", "-q", "--verify", name, check=False)
        return bytes.fromhex(found.decode()) or None

    def _store(self, kind: str, data: bytes) -> bytes:
        return bytes.fromhex(self._git("hash-object", "-w", "--stdin", "-t", kind, stdin=data).decode())

    def _git(self, *args: str, stdin: bytes) -> bytes:
        command = ["git", *args]
        return subprocess.run(command, cwd=self.repo, input=stdin, capture_output=True, check=True).stdout

    # what its user does

    def file(self, name: str) -> bytes:
        return run_git(self.repo, "cat-file", "blob", f"refs/heads/synced/main:{name}")

    def commit(self, name: str, content: bytes) -> None:
        """A new file at the top, committed and pushed; returns once that was acknowledged."""
        old = self.head
        assert old is not None
        blob = self._store("blob", content)
        listing = run_git(self.repo, "ls-tree", old.hex()) + f"100644 blob {blob.hex()}\t{name}\n".encode()
        tree = self._git("mktree", stdin=listing).decode().strip()
        new = run_git(self.repo, "commit-tree", "-m", "old", "-p", old.hex(), tree).decode().strip()
        wanted = [("blob", blob.hex()), ("tree", tree), ("commit", new)]
        objects = [[kind.encode(), run_git(self.repo, "cat-file", kind, oid)] for kind, oid in wanted]
        self.send(OBJECTS, objects)
        self._moves += 1
        self.send(MOVE, self._moves, [["refs/heads/synced/main", old, bytes.fromhex(new)]])
        run_git(self.repo, "update-ref", "refs/heads/synced/main", new)
        while (frame := self.receive())[:2] != [MOVED, self._moves]:
            self.take(frame)
        assert frame[2] == "durable", frame
        self.say_heads()

    def content(self, key: bytes) -> bytes:
        """Fetched from the other side, with fields that no Want has."""
        self.send(WANT, 1, key, 0, 2**63 - 1, False, b"film", "from", ["the", "future"])
        got = b""
        while True:
            frame = self.receive()
            if frame[:2] == [CONTENT, 1]:
                _, _, offset, total, data, *last = frame
                assert offset == len(got)
                got += data
                if last == [True]:
                    assert len(got) == total
                    return got
            else:
                assert frame[:2] != [NO_CONTENT, 1], frame
                self.take(frame)


# msgpack, as much of it as the document needs: https://github.com/msgpack/msgpack/blob/master/spec.md


def pack(value: object) -> bytes:
    match value:
        case None:
            return b"\xc0"
        case bool():
            return b"\xc3" if value else b"\xc2"
        case int():
            return b"\xcf" + value.to_bytes(8, "big")
        case str():
            return b"\xdb" + len(value.encode()).to_bytes(4, "big") + value.encode()
        case bytes():
            return b"\xc6" + len(value).to_bytes(4, "big") + value
        case list():
            items = cast(list[object], value)
            return b"\xdd" + len(items).to_bytes(4, "big") + b"".join(map(pack, items))
        case _:
            raise AssertionError(value)


def unpack(data: bytes, at: int) -> tuple[Any, int]:  # noqa: PLR0911 - one line for each kind
    """The value that begins there, and where it ends."""
    kind, at = data[at], at + 1
    if kind < 0x80:
        return kind, at
    if 0x90 <= kind < 0xA0:
        return _array(data, at, kind & 0x0F)
    if 0xA0 <= kind < 0xC0:
        return data[at : at + (kind & 0x1F)].decode(), at + (kind & 0x1F)
    match kind:
        case 0xC0:
            return None, at
        case 0xC2 | 0xC3:
            return kind == 0xC3, at
        case 0xC4 | 0xC5 | 0xC6:
            size, at = _number(data, at, 1 << (kind - 0xC4))
            return data[at : at + size], at + size
        case 0xCC | 0xCD | 0xCE | 0xCF:
            return _number(data, at, 1 << (kind - 0xCC))
        case 0xD9 | 0xDA | 0xDB:
            size, at = _number(data, at, 1 << (kind - 0xD9))
            return data[at : at + size].decode(), at + size
        case 0xDC | 0xDD:
            size, at = _number(data, at, 2 << (kind - 0xDC))
            return _array(data, at, size)
        case _:
            raise AssertionError(f"the document knows no such type: {kind:#x}")


def _number(data: bytes, at: int, size: int) -> tuple[int, int]:
    return int.from_bytes(data[at : at + size], "big"), at + size


def _array(data: bytes, at: int, count: int) -> tuple[Frame, int]:
    items: Frame = []
    for _ in range(count):
        item, at = unpack(data, at)
        items.append(item)
    return items, at
