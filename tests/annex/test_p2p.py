"""The P2P protocol, as the real `git-annex-shell p2pstdio` speaks it."""

import hashlib
import os
import shlex
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from instep.annex.errors import AnnexError
from instep.annex.launcher import find_launcher
from instep.annex.p2p import NEWEST_VERSION, P2pServer, local_server, number_in
from instep.annex.p2p_pool import P2pPool
from instep.annex.store import AnnexStore
from instep.core.types import Key, RelPath, RemoteUuid
from instep.git.repository import Repository
from tests.conftest import RepositoryMaker, run_git

US = RemoteUuid("00000000-1111-2222-3333-444444444444")
LARGE = 3_000_000
"""Several pieces."""


def key_of(content: bytes) -> Key:
    return Key(b"SHA256-s%d--%s" % (len(content), hashlib.sha256(content).hexdigest().encode()))


def file_of(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "content"
    path.write_bytes(content)
    return path


def put(server: P2pServer, path: Path, key: Key, name: bytes = b"a b%c") -> bool:
    with path.open("rb") as file:
        return server.put(key, RelPath(name), file, lambda done: None)


def got(server: P2pServer, key: Key, offset: int = 0) -> tuple[bool, bytes]:
    taken = bytearray()
    is_good = server.get(key, offset, taken.extend)
    return is_good, bytes(taken)


def older(folder: Path, version: int) -> P2pServer:
    """The real server, which hears of no newer version than this one."""
    binary = shlex.quote(str(find_launcher().binary))
    real = f"exec -a git-annex-shell {binary} p2pstdio {shlex.quote(str(folder))} {US}"
    script = f"{{ read -r first; echo VERSION {version}; cat; }} | {real}"
    return P2pServer(["bash", "-c", script], find_launcher().environment())


@pytest.mark.parametrize("version", [0, 1, 2, 3, 4])
def test_content_goes_there_and_comes_back(annexed: RepositoryMaker, tmp_path: Path, version: int) -> None:
    content = os.urandom(LARGE)
    folder, key = annexed(), key_of(content)
    server = older(folder, version)
    assert server.version == version
    assert not server.has(key)
    assert put(server, file_of(tmp_path, content), key)
    assert server.has(key)
    assert put(server, tmp_path / "content", key), "it is there already"
    assert got(server, key) == (True, content)
    assert got(server, key, LARGE - 10) == (True, content[-10:])
    server.close()
    server.close()
    assert AnnexStore(Repository.open(folder)).has(key)
    assert run_git(folder, "annex", "fsck", "--all", "--quiet") == b""


def test_the_newest_version_that_both_know_is_spoken(annexed: RepositoryMaker) -> None:
    server = local_server(os.fsencode(annexed()), US)
    assert server.version == NEWEST_VERSION
    server.close()


def test_what_is_not_the_keys_is_not_taken(annexed: RepositoryMaker, tmp_path: Path) -> None:  # I11
    server = local_server(os.fsencode(annexed()), US)
    key = key_of(b"right")
    assert not put(server, file_of(tmp_path, b"wrong"), key)
    assert not server.has(key)
    assert put(server, file_of(tmp_path, b"right"), key), "and the server goes on"
    server.close()


def test_what_is_absent_is_not_given(annexed: RepositoryMaker) -> None:
    server = local_server(os.fsencode(annexed()), US)
    assert got(server, key_of(b"nowhere")) == (False, b"")
    assert not server.has(key_of(b"nowhere")), "and the server goes on"
    server.close()


def test_a_cut_put_goes_on_where_it_was(annexed: RepositoryMaker, tmp_path: Path) -> None:
    content = os.urandom(LARGE)
    folder, key, path = annexed(), key_of(content), file_of(tmp_path, content)
    asked: list[int] = []

    class Cut(Exception):
        pass

    def cut(done: int) -> None:
        if done > LARGE // 2:
            raise Cut

    server = local_server(os.fsencode(folder), US)
    with path.open("rb") as file, pytest.raises(Cut):
        server.put(key, RelPath(b"x"), file, cut)
    server.close()
    server = local_server(os.fsencode(folder), US)
    with path.open("rb") as file:
        assert server.put(key, RelPath(b"x"), file, asked.append)
    assert asked[0] > LARGE // 4, "not from the beginning"
    assert got(server, key) == (True, content)
    server.close()


def test_no_annex_is_said_in_git_annexs_words(plain_repository: RepositoryMaker) -> None:
    with pytest.raises(AnnexError, match="Not a git-annex"):
        local_server(os.fsencode(plain_repository()), US)


def test_a_read_only_server_takes_nothing_and_says_so(
    annexed: RepositoryMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_ANNEX_SHELL_READONLY", "1")
    server = local_server(os.fsencode(annexed()), US)
    with pytest.raises(AnnexError, match="read-only"):
        put(server, file_of(tmp_path, b"x"), key_of(b"x"))
    server.close()


@pytest.fixture
def liar(tmp_path: Path) -> Callable[[str], P2pServer]:
    """A server that answers the first question about content with what it is told to."""

    def make(answer: str) -> P2pServer:
        script = tmp_path / "liar"
        greeting = "echo AUTH-SUCCESS x\nread v\necho VERSION 4\nread q"
        script.write_text(f"#!/bin/sh\n{greeting}\nprintf '{answer}'\ncat >/dev/null\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return P2pServer([str(script)], dict(os.environ))

    return make


@pytest.mark.parametrize(
    "answer",
    [
        "DATA 99999999999999999999999999\\n",
        "DATA 6\\n123456VALID\\n",
        "DATA -1\\n",
        "ERROR no such thing\\n",
        "SUCCESS\\n",
        "X" * 70_000,
    ],
)
def test_a_length_that_the_key_cannot_have_is_not_believed(
    liar: Callable[[str], P2pServer], answer: str
) -> None:
    server = liar(answer)
    with pytest.raises(AnnexError):
        got(server, key_of(b"12345"))
    server.kill()
    server.close()


def test_content_that_changed_while_it_was_sent_is_told_apart(liar: Callable[[str], P2pServer]) -> None:
    server = liar("DATA 5\\n12345INVALID\\n")
    assert got(server, key_of(b"12345")) == (False, b"12345")
    server.kill()
    server.close()


@pytest.mark.parametrize("answer", ["SUCCESS-PLUS a b\\n", "SUCCESS\\n"])
def test_more_words_are_the_same_answer(liar: Callable[[str], P2pServer], answer: str) -> None:
    server = liar(answer)
    assert server.has(key_of(b"x"))
    server.kill()
    server.close()


def test_an_error_is_never_taken_for_no(liar: Callable[[str], P2pServer]) -> None:  # I11
    server = liar("ERROR what\\n")
    with pytest.raises(AnnexError, match="what"):
        server.has(key_of(b"x"))
    server.kill()
    server.close()


def test_a_pool_keeps_a_good_server_and_gives_up_one_that_failed(annexed: RepositoryMaker) -> None:
    folder = os.fsencode(annexed())
    pool = P2pPool(lambda: local_server(folder, US))
    with pool.one() as first, pool.one() as second:
        assert first is not second
    with pool.one() as again:
        assert again in (first, second)
    with pytest.raises(RuntimeError), pool.one() as failing:
        raise RuntimeError
    with pool.one() as other:
        assert other is not failing
    pool.rest(1)
    pool.close()
    with pytest.raises(AnnexError), pool.one():
        pass


@pytest.mark.parametrize(
    "answer", [b"", b"PUT-FROM", b"PUT-FROM ", b"PUT-FROM -1", b"PUT-FROM x", b"PUT-FROM 1 2", b"ERROR no"]
)
def test_only_a_number_says_where_to_begin(answer: bytes) -> None:
    assert number_in(b"PUT-FROM 123456789012", b"PUT-FROM ") == 123456789012
    assert number_in(answer, b"PUT-FROM ") is None
