"""Hearing from the kernel that the network has changed, and noticing that the computer has slept.

The kernel tells of links, addresses and routes over an AF_NETLINK socket (rtnetlink(7)). Much of that is
noise: routers repeat their announcements, wireless cards their signal. `NetworkView` remembers what was said
and tells whether anything is different. A sleep shows in the clock that counts it (CLOCK_BOOTTIME) running
away from the one that does not.
"""

import errno
import socket
import struct
import time
from collections.abc import Callable, Iterator

import anyio

SETTLES_WITHIN_S = 0.1
"""A change is many messages: the link, its addresses, their routes. They are told of as one."""
LOOK_EVERY_S = 5.0
"""How often the clocks are compared: a tick of some microseconds."""
SLEPT_S = 2.0
"""A difference between the clocks that no scheduling explains."""

_GROUPS = (
    0x1 | 0x10 | 0x40 | 0x100 | 0x400
)  # RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE
_RECEIVE_BYTES = 64 << 10

_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ATTRIBUTE = struct.Struct("=HH")  # rtattr: length, type
_LINK = struct.Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change
_ADDRESS = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix, flags, scope, index
_ROUTE = struct.Struct("=BBBBBBBBI")  # rtmsg: family, lengths (2), tos, table, protocol, scope, type, flags

_NEW_LINK, _DELETED_LINK, _NEW_ADDRESS, _DELETED_ADDRESS, _NEW_ROUTE, _DELETED_ROUTE = 16, 17, 20, 21, 24, 25
_IFF_UP, _IFF_LOOPBACK, _IFF_RUNNING = 0x1, 0x8, 0x40
_IFA_TENTATIVE = 0x40
_UNICAST, _MAIN_TABLE, _CLONED = 1, 254, 0x200

Fact = tuple[object, ...]


class NetworkView:
    """What the kernel has told. Pure: `feed` takes datagrams."""

    def __init__(self) -> None:
        self._known: dict[Fact, bool] = {}

    def feed(self, datagram: bytes) -> bool:
        """Whether this says anything that is new. What can't be understood is passed over."""
        changed = False
        for kind, body in _messages(datagram):
            try:
                fact, value = _read(kind, body)
            except struct.error:
                continue
            if fact is None:
                continue
            if value is None:
                changed = True
                self._known.pop(fact, None)
            elif self._known.get(fact) != value:
                changed = True
                self._known[fact] = value
        return changed


def _messages(datagram: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset + _HEADER.size <= len(datagram):
        length, kind, *_ = _HEADER.unpack_from(datagram, offset)
        if length < _HEADER.size:
            return
        yield kind, datagram[offset + _HEADER.size : offset + length]
        offset += (length + 3) & ~3


def _attributes(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size:
            break
        found[kind] = data[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3
    return found


def _read(kind: int, body: bytes) -> tuple[Fact | None, bool | None]:
    """What a message is about, and whether that can be used now; None: it is gone."""
    match kind:
        case _ if kind in (_NEW_LINK, _DELETED_LINK):
            return _read_link(body, gone=kind == _DELETED_LINK)
        case _ if kind in (_NEW_ADDRESS, _DELETED_ADDRESS):
            return _read_address(body, gone=kind == _DELETED_ADDRESS)
        case _ if kind in (_NEW_ROUTE, _DELETED_ROUTE):
            return _read_route(body, gone=kind == _DELETED_ROUTE)
        case _:
            return None, None


def _read_link(body: bytes, *, gone: bool) -> tuple[Fact | None, bool | None]:
    family, _, index, flags, _ = _LINK.unpack_from(body)
    if family != socket.AF_UNSPEC or flags & _IFF_LOOPBACK:  # else it is about a bridge's port
        return None, None
    carries = flags & (_IFF_UP | _IFF_RUNNING) == _IFF_UP | _IFF_RUNNING
    return ("link", index), None if gone else carries


def _read_address(body: bytes, *, gone: bool) -> tuple[Fact | None, bool | None]:
    family, prefix, flags, _, index = _ADDRESS.unpack_from(body)
    attributes = _attributes(body[_ADDRESS.size :])
    address = attributes.get(2) or attributes.get(1)  # IFA_LOCAL, IFA_ADDRESS
    usable = not flags & _IFA_TENTATIVE
    return ("address", family, index, prefix, address), None if gone else usable


def _read_route(body: bytes, *, gone: bool) -> tuple[Fact | None, bool | None]:
    family, length, _, _, table, _, _, kind, flags = _ROUTE.unpack_from(body)
    if kind != _UNICAST or table != _MAIN_TABLE or flags & _CLONED:
        return None, None
    attributes = _attributes(body[_ROUTE.size :])
    way = tuple(attributes.get(number) for number in (1, 4, 5, 6))  # RTA_DST, _OIF, _GATEWAY, _PRIORITY
    return ("route", family, length, *way), None if gone else True


class Sleep:
    """Notices that the computer has slept. Times are seconds of CLOCK_BOOTTIME and CLOCK_MONOTONIC."""

    def __init__(self, boottime_s: float, monotonic_s: float) -> None:
        self._ahead_s = boottime_s - monotonic_s

    def look(self, boottime_s: float, monotonic_s: float) -> bool:
        """Whether it has, since it was last asked."""
        ahead_s = boottime_s - monotonic_s
        slept = ahead_s - self._ahead_s > SLEPT_S
        self._ahead_s = ahead_s
        return slept


async def follow_network(tell: Callable[[], None]) -> None:
    """Call `tell` whenever the network has changed or the computer has slept, until cancelled. Where the
    kernel does not tell, only sleep is noticed."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_follow_sleep, tell)
        try:
            kernel = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
            )
        except OSError:
            return
        with kernel:
            kernel.bind((0, _GROUPS))
            await _follow_kernel(kernel, tell)


async def _follow_kernel(kernel: socket.socket, tell: Callable[[], None]) -> None:
    view = NetworkView()
    while True:
        await anyio.wait_readable(kernel)
        changed = _take(kernel, view)
        if changed:
            await anyio.sleep(SETTLES_WITHIN_S)
            _take(kernel, view)
            tell()


def _take(kernel: socket.socket, view: NetworkView) -> bool:
    """Read all that waits; whether anything is new."""
    changed = False
    while True:
        try:
            datagram, (port, _) = kernel.recvfrom(_RECEIVE_BYTES)
        except BlockingIOError:
            return changed
        except OSError as error:
            if error.errno != errno.ENOBUFS:  # the kernel had more to say than there was room for
                raise
            changed = True
        else:
            if port == 0:  # it is the kernel that speaks
                changed = view.feed(datagram) or changed


async def _follow_sleep(tell: Callable[[], None]) -> None:
    sleep = Sleep(*_clocks())
    while True:
        await anyio.sleep(LOOK_EVERY_S)
        if sleep.look(*_clocks()):
            tell()


def _clocks() -> tuple[float, float]:
    return time.clock_gettime(time.CLOCK_BOOTTIME), time.clock_gettime(time.CLOCK_MONOTONIC)
