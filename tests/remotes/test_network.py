"""The kernel's word on the network, and sleep: what is new is told, what is noise is not."""

import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from instep.remotes.network import NetworkView, Sleep

UP, RUNNING, LOOPBACK = 0x1, 0x40, 0x8
NEW_LINK, DELETED_LINK, NEW_ADDRESS, DELETED_ADDRESS, NEW_ROUTE = 16, 17, 20, 21, 24


def message(kind: int, body: bytes) -> bytes:
    data = struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body
    return data + b"\0" * (-len(data) % 4)


def link(kind: int, index: int, flags: int) -> bytes:
    return message(kind, struct.pack("=BxHiII", 0, 1, index, flags, 0))


def address(kind: int, index: int, text: str, flags: int = 0) -> bytes:
    attribute = struct.pack("=HH", 8, 2) + socket.inet_aton(text)
    return message(kind, struct.pack("=BBBBI", socket.AF_INET, 24, flags, 0, index) + attribute)


def route(gateway: str, table: int = 254, flags: int = 0) -> bytes:
    attribute = struct.pack("=HH", 8, 5) + socket.inet_aton(gateway)
    return message(NEW_ROUTE, struct.pack("=BBBBBBBBI", 2, 0, 0, 0, table, 3, 0, 1, flags) + attribute)


def test_what_is_new_is_told_once() -> None:
    view = NetworkView()
    for datagram in (
        link(NEW_LINK, 2, UP | RUNNING),
        address(NEW_ADDRESS, 2, "10.0.0.1"),
        route("10.0.0.254"),
        link(NEW_LINK, 2, UP),
        link(NEW_LINK, 2, UP | RUNNING),
        route("10.0.0.1") + address(NEW_ADDRESS, 3, "10.0.1.1"),
    ):
        assert view.feed(datagram)
        assert not view.feed(datagram), "said again: a router's announcement, a wireless card's signal"


def test_what_goes_is_told_even_if_it_was_there_before_us() -> None:
    assert NetworkView().feed(address(DELETED_ADDRESS, 2, "10.0.0.1"))
    assert NetworkView().feed(link(DELETED_LINK, 2, 0))


def test_what_reaches_nobody_is_noise() -> None:
    view = NetworkView()
    assert not view.feed(link(NEW_LINK, 1, UP | RUNNING | LOOPBACK))
    assert not view.feed(route("10.0.0.254", table=255))
    assert not view.feed(route("10.0.0.254", flags=0x200))
    assert not view.feed(message(3, b""))
    assert view.feed(address(NEW_ADDRESS, 2, "10.0.0.1", flags=0x40))
    assert view.feed(address(NEW_ADDRESS, 2, "10.0.0.1")), "now it can be used"


@given(st.binary(max_size=200), st.integers(0, 40), st.binary(max_size=60))
def test_nothing_that_is_said_does_harm(datagram: bytes, kind: int, body: bytes) -> None:
    view = NetworkView()
    view.feed(datagram)
    view.feed(message(kind, body) + datagram)


def test_sleep_is_noticed_once() -> None:
    sleep = Sleep(1000.0, 900.0)
    assert not sleep.look(1005.0, 905.0)
    assert not sleep.look(1010.1, 910.0)
    assert sleep.look(1110.0, 915.0)
    assert not sleep.look(1115.0, 920.0)


FOLLOW = """
import anyio
from instep.remotes.network import follow_network

async def main():
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(follow_network, lambda: print("changed", flush=True))
        await anyio.wait_all_tasks_blocked()
        print("ready", flush=True)

anyio.run(main)
"""


def test_the_kernel_tells(tmp_path: Path) -> None:
    script = tmp_path / "follow.py"
    script.write_text(FOLLOW)
    ip = shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin")
    assert ip is not None, "iproute2 is not installed: make tools"
    namespace = ["unshare", "--map-root-user", "--net"]
    steps = (
        f"{sys.executable} {script} & follow=$!",
        f"read go; {ip} link add one type veth peer name two",
        f"read go; {ip} address add 10.9.8.7/24 dev one",
        "read go; kill $follow",
    )
    with subprocess.Popen(
        [*namespace, "sh", "-c", "\n".join(steps)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for expected in ("ready\n", "changed\n", "changed\n"):
            assert process.stdout.readline() == expected
            process.stdin.write("go\n")
            process.stdin.flush()
