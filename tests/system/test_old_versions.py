"""A folder's process and a program of another version: they work together, or it is said why not."""

import hashlib
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Self, cast

import pytest

from tests.conftest import run_git

from .far_pair import FarPair
from .harness import Pair, eventually
from .old_instep import HEADS, HELLO, Ended, OldInstep
from .sshd import FarComputer
from .worktree import read, write

FILM = b"film" * 500_000


@pytest.fixture
def folder(pair: Pair) -> Path:
    """One folder, with a note and a film in it."""
    write(pair.a, "note", b"from the new one\n")
    write(pair.a, "film", FILM)
    pair.instep("up", pair.a)
    return pair.a


@contextmanager
def calling(pair: Pair) -> Generator[OldInstep]:
    """The old one calls the folder, as over ssh: up to the Hellos."""
    command = ["instep", "link", pair.a]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | pair.mark
    )
    with process:
        old = OldInstep(pair.a.parent, cast(BinaryIO, process.stdout), cast(BinaryIO, process.stdin))
        old.read_greeting()
        try:
            yield old
        finally:
            process.kill()
            with suppress(BrokenPipeError):
                cast(BinaryIO, process.stdin).close()


def is_closed(old: OldInstep) -> str:
    """The other side says Bye and closes; its reason."""
    with pytest.raises(Ended) as ended:
        old.until(lambda: False)
    return str(ended.value)


def test_commits_and_content_go_both_ways_with_the_oldest_version(pair: Pair, folder: Path) -> None:
    with calling(pair) as old:
        assert "error" in old.ask(do="dance", why="from the future")
        assert old.ask(do="link", more="than is known") == {"ok": {}}
        old.hello(1, 1, "a field of the future", [1])
        old.say_heads()
        frame = old.receive()
        assert frame[0] == 1, "Hello comes first"
        assert frame[2] == 1, "the oldest version is still spoken"
        frame = old.receive()
        assert frame[0] == HEADS, "then Heads"
        old.take(frame)
        old.until(lambda: old.has_all)
        assert old.file("note") == b"from the new one\n"
        key = old.file("film").strip().rpartition(b"/")[2]
        assert hashlib.sha256(old.content(key)).digest() == hashlib.sha256(FILM).digest()
        old.commit("answer", b"from the old one\n")
        eventually(lambda: read(folder, "answer") == b"from the old one\n", "it is there")
        write(folder, "note", b"changed\n")
        old.until(lambda: old.file("note") == b"changed\n")


def test_a_frame_of_no_version_ends_the_link(pair: Pair, folder: Path) -> None:
    with calling(pair) as old:
        old.ask(do="link")
        old.hello()
        old.say_heads()
        old.send(99, "from the future")
        assert "99" in is_closed(old)
    write(folder, "goes", b"on\n")
    eventually(lambda: run_git(folder, "ls-tree", "HEAD", "goes"), "it does")  # I25


class CalledPair(FarPair):
    """Whose far `instep` is what listens on a socket of the test's."""

    def __init__(self, top: Path) -> None:
        super().__init__(top)
        programs = top / "old-bin"
        programs.mkdir()
        script = [sys.executable, str(Path(__file__).parent / "bridge.py"), str(top / "socket")]
        (programs / "instep").write_text(f"#!/bin/sh\nexec {shlex.join(script)}\n")
        (programs / "instep").chmod(0o755)
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        self.far = FarComputer(top / "old", mark=self.mark, path=path)
        self._top = top
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(top / "socket"))
        self._listener.listen()
        self._listener.settimeout(60)

    def up(self) -> Self:
        run_git(self._top, "init", "-q", "-b", "main", str(self.a))
        run_git(self.a, "remote", "add", "old", self.far.address("Docs"))
        write(self.a, "note", b"from the new one\n")
        self.instep("up", self.a)
        return self

    @contextmanager
    def called(self) -> Generator[OldInstep]:
        """The folder's process calls, as over ssh: up to the Hellos."""
        connection, _ = self._listener.accept()
        connection.settimeout(60)
        with connection, connection.makefile("rwb") as file:
            stream = cast(BinaryIO, file)
            old = OldInstep(self._top, stream, stream)
            old.receive_caller()
            yield old


@pytest.fixture
def pair_of_versions(tmp_path: Path) -> Iterator[CalledPair]:
    with CalledPair(tmp_path) as pair:
        yield pair.up()


def refused(pair: Pair) -> dict[str, Any] | None:
    """The condition that says so."""
    found = pair.status(pair.a)["attention"]
    return next((item for item in found if item["code"] == "remote-refused"), None)


def test_a_version_that_is_not_spoken_is_said_to_a_person(pair_of_versions: CalledPair) -> None:  # I25 I29
    pair = pair_of_versions
    for versions, words in (
        ((9, 8), "oldstep 0.0 speaks link protocol versions 8 to 9"),
        ((0, 0), "A frame cannot be understood"),
    ):
        with pair.called() as old:
            old.hello(*versions)
            assert old.receive()[0] == HELLO
            assert words in is_closed(old)
        eventually(lambda: words in str(refused(pair)), words)  # noqa: B023
        found = refused(pair)
        assert found is not None
        assert found["fix"]
        status = pair.status(pair.a)
        assert [remote["reachable"] for remote in status["remotes"]] == [False]
    write(pair.a, "goes", b"on\n")
    eventually(lambda: run_git(pair.a, "ls-tree", "HEAD", "goes"), "commits go on")
    with pair.called() as old:  # it was updated
        old.hello()
        old.say_heads()
        old.until(lambda: old.has_all)
        assert old.file("goes") == b"on\n"
        old.commit("answer", b"from the old one\n")
        eventually(lambda: read(pair.a, "answer") == b"from the old one\n", "it is there")
        assert [remote["reachable"] for remote in pair.status(pair.a)["remotes"]] == [True]
