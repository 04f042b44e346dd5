"""Addresses, and finding a folder's process."""

import os
import socket
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instep.remotes.dial import PREAMBLE, LocalPath, SshAddress, connect_local, parse_remote
from instep.remotes.errors import BadAddress, NotRunning
from instep.remotes.socket_path import socket_path


@pytest.mark.parametrize(
    "text",
    [
        "/media/usb/Photos", "Photos", "./a:b", "a/b:c", "../x:y", "~/x", "a b", "/x:y", "@", "x@y", "./-x",
        "ünï/çode", "a\nb", "\udcff/x", "[x]", "a/b@c:d",
    ],
)  # fmt: skip
def test_paths(text: str) -> None:
    assert parse_remote(text) == LocalPath(text)
    assert str(parse_remote(text)) == text


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("host:path", SshAddress("host", "path")),
        ("host:/abs/a:b", SshAddress("host", "/abs/a:b")),
        ("me@host.example:x y", SshAddress("host.example", "x y", "me")),
        ("me@corp@host:x", SshAddress("host", "x", "me@corp")),
        ("C:\\Users", SshAddress("C", "\\Users")),
        ("host:~other/x", SshAddress("host", "~other/x")),
        ("[::1]:x", SshAddress("::1", "x")),
        ("me@[fe80::1%eth0]:/x", SshAddress("fe80::1%eth0", "/x", "me")),
        ("ssh://host/abs", SshAddress("host", "/abs")),
        ("SSH://me@host:2222/a%20b", SshAddress("host", "/a b", "me", 2222)),
        ("ssh://host/~/Photos", SshAddress("host", "Photos")),
        ("ssh://host/~other/x", SshAddress("host", "~other/x")),
        ("ssh://me@[::1]:22/x", SshAddress("::1", "/x", "me", 22)),
        ("ssh://[::1]/x", SshAddress("::1", "/x")),
    ],
)
def test_ssh_addresses(text: str, address: SshAddress) -> None:
    assert parse_remote(text) == address
    assert parse_remote(str(address)) == address


def test_what_ssh_is_told() -> None:
    assert SshAddress("::1", "/x", "me").destination == "me@::1"
    assert SshAddress("host", "/x").destination == "host"
    assert str(SshAddress("::1", "x", "me", 22)) == "ssh://me@[::1]:22/~/x"


@pytest.mark.parametrize(
    "text",
    [
        "", "-oProxyCommand=x", "-x:y", "ext::sh -c x", "fd::3", "persistent-https::x", "http://host/x",
        "git://host/x", "file:///x", "s3://bucket", "-me@host:x", "me@-host:x", "ssh://-oProxyCommand=x/y",
        "ssh://-me@host/x", "ssh://host:0/x", "ssh://host:99999/x", "ssh://host:x/x", "ssh://host:/x",
        "ssh://host", "ssh://host/~", "ssh:///x", "host:", "host:~", ":x", "@host:x", "host:-x", "ho st:x",
        "ho\nst:x", "$(x):y", "a;b:x", "[::1:x", "[-x]:y", "x\0y", "host:x\0", "ssh://host/%00", "ssh://[::1]22/x",
        "ssh://h%2dx/y", "ssh://%2dx@host/y", "ssh://host/~/-x",
    ],
)  # fmt: skip
def test_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BadAddress) as caught:
        parse_remote(text)
    assert str(caught.value).isprintable()
    assert str(caught.value).endswith(".")
    assert caught.value.fix


@given(st.lists(st.sampled_from([*"ab-/:@[]~%.\\$\n \x7f0", "ssh://", "::"]), max_size=12).map("".join))
def test_no_text_becomes_an_option(text: str) -> None:
    try:
        address = parse_remote(text)
    except BadAddress:
        return
    if isinstance(address, LocalPath):
        assert address.path == text
        assert not text.startswith("-")
    else:
        for part in (address.host, address.path, address.destination):
            assert part
            assert not part.startswith("-")
        assert parse_remote(str(address)) == address


@pytest.mark.anyio
async def test_a_running_folder_is_reached_and_hears_the_preamble(tmp_path: Path) -> None:
    listener = await anyio.create_unix_listener(socket_path(tmp_path))
    async with listener, await connect_local(tmp_path) as stream:
        with listener.extra(anyio.abc.SocketAttribute.raw_socket).accept()[0] as there:
            assert there.recv(100) == PREAMBLE
            there.sendall(b"hello")
            assert await stream.receive() == b"hello"


@pytest.mark.anyio
@pytest.mark.parametrize("stale", [False, True])
async def test_a_folder_without_a_process_is_named(tmp_path: Path, stale: bool) -> None:
    if stale:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(os.fspath(socket_path(tmp_path)))
    with pytest.raises(NotRunning, match=tmp_path.name) as caught:
        await connect_local(tmp_path)
    assert "instep up" in caught.value.fix
