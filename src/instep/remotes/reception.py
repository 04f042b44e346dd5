"""The first words between `instep link DIR` and whoever called it, over ssh. Pure.

Whatever the far shell prints at its start comes first; then, on a line of its own, the preamble; then one
line of JSON for each line that is asked. `docs/link-protocol.md` describes it, under "Over ssh".

A request has the field `do`. An answer has `ok` with what was asked for, or `error` with the sentence, the
way out and the kind of the error; `busy` says that the answer takes longer. After `ok` to `{"do": "link"}`
the bytes of the link follow.
"""

import json
import re
from typing import Any, cast

from instep.remotes.dial import PREAMBLE
from instep.remotes.errors import FarRefused, Incompatible, ProtocolError, Stopped
from instep.remotes.trust import may_move

GREETING = b"\n" + PREAMBLE
"""What the far end says first. The newline ends whatever stands on the line already."""
MAX_GREETING_BYTES = 32
MAX_NOISE_BYTES = 256 << 10
MAX_LINE_BYTES = 1 << 20
STOPPED = "stopped"
"""The kind of the error that the folder's process was stopped there, by a person."""

_GREETING = re.compile(rb"(?:^|\n)instep-link ([0-9]{1,9})\r?\n")
_UUID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}")

Message = dict[str, Any]


def encode_line(message: Message) -> bytes:
    """A request or an answer as it is sent. Odd bytes in names survive: they are lone surrogates."""
    return json.dumps(message).encode() + b"\n"


class Opening:
    """The caller's end: bytes in by `feed`, answers out by `answer`."""

    def __init__(self) -> None:
        self.is_greeted = False
        self._data = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> None:
        """Takes what arrived. Raises ProtocolError, Incompatible."""
        self._data += data
        if not self.is_greeted:
            self._look_for_greeting()

    def answer(self) -> Message | None:
        """The next answer's `ok`, or None until more is fed. Raises what the far end answered: FarRefused,
        Stopped; or ProtocolError."""
        while self.is_greeted and b"\n" in self._data:
            line, _, self._data = self._data.partition(b"\n")
            message = decode_line(bytes(line))
            if isinstance(error := message.get("error"), dict):
                raise _error(cast(Message, error))
            if isinstance(found := message.get("ok"), dict):
                return cast(Message, found)
        if self.is_greeted and len(self._data) > MAX_LINE_BYTES:
            raise ProtocolError("The far end answers with an endless line.")
        return None

    @property
    def rest(self) -> bytes:
        """What came behind the last answer: the first bytes of the link; or noise, before the greeting."""
        return bytes(self._data)

    def _look_for_greeting(self) -> None:
        if found := _GREETING.search(self._data, self._searched):
            if int(found[1]) != 1:
                raise Incompatible(f"The far instep opens links in a way of its own ({int(found[1])}).")
            self.is_greeted = True
            del self._data[: found.end()]
            return
        self._searched = max(0, len(self._data) - MAX_GREETING_BYTES)
        if len(self._data) > MAX_NOISE_BYTES:
            raise ProtocolError(
                "The far shell prints without an end instead of starting instep.",
                "See what it says: ssh HOST true; its start-up files should print nothing.",
            )


def decode_line(line: bytes) -> Message:
    """A request or an answer. Raises ProtocolError."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise ProtocolError("The other end says something that is not understood.")
    return cast(Message, message)


def text_of(message: Message, name: str) -> str:
    """A field that must be text, of which each lone surrogate is an odd byte. Raises ProtocolError."""
    value = message.get(name)
    if not isinstance(value, str):
        raise ProtocolError(f"The other end does not say {name}.")
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ProtocolError(f"The other end says {name} in text that is none.") from None
    return value


def branch_of(message: Message) -> str:
    """The name of a branch, perhaps empty; none that git would take for an option. Raises ProtocolError."""
    branch = text_of(message, "branch")
    if branch and not may_move(f"refs/heads/synced/{branch}", ""):
        raise ProtocolError(f"The other end names a branch that git would refuse: {_shown(branch)}.")
    return branch


def uuid_of(message: Message) -> str | None:
    """A repository's id; None: it has none. Raises ProtocolError."""
    if message.get("uuid") is None:
        return None
    uuid = text_of(message, "uuid")
    if not _UUID.fullmatch(uuid):
        raise ProtocolError("The other end names a repository by something that is no id.")
    return uuid


def _error(error: Message) -> FarRefused | Stopped:
    text, fix = _shown(error.get("text")), _shown(error.get("fix"))
    if error.get("kind") == STOPPED:
        return Stopped(text, fix)
    return FarRefused(text, fix)


def _shown(value: object) -> str:
    """Text from over there, safe to print."""
    text = value if isinstance(value, str) else ""
    return "".join(c if c.isprintable() else "?" for c in text[:1000])
