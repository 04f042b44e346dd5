"""The addresses of remotes, and the way to a folder's process on this machine.

An address comes from a person or from another computer's configuration, so nothing in it may turn into an
option or a program: see git's `ext::` transport and CVE-2017-1000117.
"""

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from instep.remotes.errors import BadAddress, NotRunning, PeerGone
from instep.remotes.socket_path import find_socket

if TYPE_CHECKING:
    from anyio.abc import ByteStream

PREAMBLE = b"instep-link 1\n"
"""What the dialler says first, so that the socket, which also takes commands, knows what is coming."""

_TRANSPORT = re.compile(r"([A-Za-z0-9][A-Za-z0-9+.-]*)::")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*|[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?")
_USER = re.compile(r"[A-Za-z0-9_][^\s\x00-\x1f\x7f:/]*")
_PLACE = re.compile(r"(?:\[([^\[\]]*)\]|([^\[\]:]*))(?::(.{0,9}))?", re.DOTALL)
_BRACKETED = re.compile(r"((?:[^@\[\]/:]*@)?)\[([^\[\]/]*)\](.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LocalPath:
    """A folder on this machine. `path` is as it was given, perhaps relative; odd bytes are surrogates."""

    path: str

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True, slots=True)
class SshAddress:
    """A folder on another one. A `path` without leading `/` counts from the home directory there."""

    host: str
    path: str
    user: str | None = None
    port: int | None = None

    @property
    def destination(self) -> str:
        """What ssh takes as its destination."""
        return f"{self.user}@{self.host}" if self.user else self.host

    def __str__(self) -> str:
        """An address that git understands the same way."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        where = f"{self.user}@{host}" if self.user else host
        if self.port is None:
            return f"{where}:{self.path}"
        path = self.path if self.path.startswith("/") else "/~/" + self.path
        return f"ssh://{where}:{self.port}{path}"


def parse_remote(text: str) -> LocalPath | SshAddress:
    """What a REMOTE on the command line means. Raises BadAddress."""
    if not text:
        raise BadAddress("The address of a remote cannot be empty.")
    if text.startswith("-"):
        raise BadAddress(
            f"{_shown(text)} begins with a dash, so it is no address.", "For a folder, write ./ before it."
        )
    if "\0" in text:
        raise BadAddress("The address of a remote cannot hold a NUL.")
    if found := _TRANSPORT.match(text):
        raise BadAddress(f"{_shown(text)} names the git transport {found[1]}, which instep does not use.")
    if found := _SCHEME.match(text):
        if found[1].lower() == "ssh":
            return _ssh_url(text)
        raise BadAddress(f"{_shown(text)} is a {found[1]} address; instep takes paths and ssh addresses.")
    colon, slash = text.find(":"), text.find("/")
    if bracketed := _BRACKETED.fullmatch(text):
        user, host, rest = bracketed.groups()
        if rest.startswith(":"):
            return _ssh(text, user, host, None, rest[1:])
    if colon < 0 or 0 <= slash < colon:
        return LocalPath(text)
    user, at, host = text[:colon].rpartition("@")
    return _ssh(text, user + at, host, None, text[colon + 1 :])


async def connect_local(folder: str | bytes | os.PathLike[str]) -> "ByteStream":
    """A connection to the process of a folder on this machine, its preamble written: ready for `open_link`.

    Raises NotRunning, PeerGone.
    """
    import anyio  # noqa: PLC0415 - who only wants to know what an address is needs none of it

    path = find_socket(folder)
    shown = _shown(os.fsdecode(folder))
    if path is None:
        raise NotRunning(f"No instep process serves {shown}.")
    try:
        stream = await anyio.connect_unix(path)
    except (FileNotFoundError, ConnectionRefusedError):
        raise NotRunning(f"No instep process serves {shown}.") from None
    except OSError as error:
        raise PeerGone(f"The process of {shown} cannot be reached: {error.strerror}.") from error
    try:
        await stream.send(PREAMBLE)
    except BaseException as error:
        await anyio.aclose_forcefully(stream)
        if isinstance(error, anyio.BrokenResourceError):
            raise PeerGone(f"The process of {shown} closed the connection at once.") from error
        raise
    return stream


def _ssh_url(text: str) -> SshAddress:
    """`ssh://[user@]host[:port]/path`; `/~/x` and `/~user/x` count from a home directory, as git has it."""
    where, slash, rest = text[text.index("://") + 3 :].partition("/")
    user, at, place = where.rpartition("@")
    found = _PLACE.fullmatch(place)
    if found is None:
        raise BadAddress(f"{_shown(text)} names no host that ssh could be given safely.")
    bracketed, plain, port = found.groups()
    if port is not None and not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise BadAddress(f"{_shown(text)} has no valid port.")
    path = unquote(slash + rest, errors="surrogateescape")
    if path.startswith("/~"):
        path = path[1:].removeprefix("~/")
    return _ssh(text, unquote(user) + at, bracketed or plain or "", port, path)


def _ssh(text: str, user_at: str, host: str, port: str | None, path: str) -> SshAddress:
    user = user_at[:-1] if user_at else None
    if not _HOST.fullmatch(host) or (user is not None and not _USER.fullmatch(user)):
        raise BadAddress(f"{_shown(text)} names no host that ssh could be given safely.")
    if not path or path in {"/~", "~"} or "\0" in path:
        raise BadAddress(f"{_shown(text)} names no folder on {host}.")
    if path.startswith("-"):
        raise BadAddress(f"The path in {_shown(text)} begins with a dash.", "Write ./ before it.")
    return SshAddress(host, path, user, None if port is None else int(port))


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
