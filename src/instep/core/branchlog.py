"""The files of the git-annex branch: lines that carry their own time, so that two versions always unite.

Two styles. *New* logs begin with the time (`1795340449s 1 UUID`): location logs, config.log, numcopies.log.
*UUID-based* logs end with it (`UUID value timestamp=1795340449s`): uuid.log, trust.log,
preferred-content.log.
The newest line about a subject holds; of equally new ones the first in the file. Times are whole seconds
since 1970 today, fractions in old logs; they are compared as numbers.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

from instep.core.types import RemoteUuid

Time = int | Decimal
"""Seconds since 1970. Exact: a fraction in a log must survive being written back."""

TRANSITIONS = b"transitions.log"
DIFFERENCES = b"difference.log"

WEB = RemoteUuid("00000000-0000-0000-0000-000000000001")
"""The repository that all URLs belong to."""

_PRESENT, _ABSENT = b"1", b"0"
_LOCATION = re.compile(rb"(-?[0-9]{1,15}(?:\.[0-9]{1,12})?)s ([01X]) (\S(?:.*[^\r])?)")
_NEW_STYLE = re.compile(rb"(-?[0-9]{1,15}(?:\.[0-9]{1,12})?)s (.*)")
_UUID_BASED = re.compile(rb"(\S+)(?: (.*?))?(?: ?timestamp=(-?[0-9]{1,15}(?:\.[0-9]{1,12})?)s)?")


def union(ours: bytes, theirs: bytes) -> bytes:
    """Both versions' lines, as git-annex unites any file of its branch.

    A version that holds all lines is taken as it is; else it is the set of lines, sorted bytewise, not
    compacted, without blank lines. Commutative and idempotent; as sets of lines associative too.
    """
    mine, yours = _line_set(ours), _line_set(theirs)
    if mine == yours:
        return min(ours, theirs)
    lines = mine | yours
    if lines == mine:
        return ours
    if lines == yours:
        return theirs
    return b"".join(line + b"\n" for line in sorted(lines))


def _line_set(text: bytes) -> set[bytes]:
    return {line for line in text.split(b"\n") if line}


# --- location logs -----------------------------------------------------------------------------------


class _Fact(NamedTuple):
    when: Time
    status: bytes
    text: bytes
    """The time as it stands in the log."""


def locations(text: bytes) -> dict[RemoteUuid, bool]:
    """Who has the content (True) and who is known not to (False, also for a dead key). A repository of
    which the log says nothing is missing: unknown is not absent."""
    return {RemoteUuid(_text(uuid)): fact.status == _PRESENT for uuid, fact in _facts(text).items()}


def set_location(text: bytes, uuid: RemoteUuid, present: bool, now: int) -> bytes | None:
    """As `set_locations`, for one repository."""
    return set_locations(text, {uuid: present}, now)


def set_locations(text: bytes, facts: Mapping[RemoteUuid, bool], now: int) -> bytes | None:
    """The log with these facts, compacted as git-annex does: a line for each repository, sorted by UUID.

    None when nothing would change: restating what is known writes nothing (I13). `now` is in whole seconds;
    a fact never gets a time that is not after the one it replaces, whatever the clock says (I20).
    """
    known = _facts(text)
    changed = False
    for uuid, present in facts.items():
        subject = uuid.encode(errors="surrogateescape")
        status = _PRESENT if present else _ABSENT
        old = known.get(subject)
        if old is not None and old.status == status:
            continue
        when = now if old is None or now > old.when else old.when + 1
        known[subject] = _Fact(when, status, _time_text(when))
        changed = True
    return _location_log(known) if changed else None


def compact(text: bytes) -> bytes:
    """A location log with only the line that holds for each repository, as git-annex writes it."""
    return _location_log(_facts(text))


def _location_log(known: Mapping[bytes, _Fact]) -> bytes:
    return b"".join(b"%ss %s %s\n" % (fact.text, fact.status, uuid) for uuid, fact in sorted(known.items()))


def _facts(text: bytes) -> dict[bytes, _Fact]:
    found: dict[bytes, _Fact] = {}
    for line in _lines(text):
        match = _LOCATION.fullmatch(line)
        if match is None:
            continue
        stamp, status, uuid = match.groups()
        when = _time(stamp)
        old = found.get(uuid)
        if old is None or when > old.when:
            found[uuid] = _Fact(when, status, stamp)
    return found


# --- the other logs ----------------------------------------------------------------------------------


def config_value(config_log: bytes, name: str) -> str | None:
    """What `git annex config --set NAME` holds; None when it was never set, or unset since."""
    return config_values(config_log).get(name)


def config_values(config_log: bytes) -> dict[str, str]:
    """All that is set in config.log."""
    newest: dict[str, tuple[Time, str]] = {}
    for when, value in _new_style(config_log):
        name, _, setting = value.partition(" ")
        if name not in newest or when > newest[name][0]:
            newest[name] = (when, setting)
    return {name: setting for name, (_, setting) in newest.items() if setting}


def newest_value(text: bytes) -> str | None:
    """The value of a log that is about one thing only: numcopies.log, mincopies.log."""
    newest: tuple[Time, str] | None = None
    for when, value in _new_style(text):
        if newest is None or when > newest[0]:
            newest = (when, value)
    return newest[1] if newest else None


def uuid_values(text: bytes) -> dict[RemoteUuid, str]:
    """The value for each repository in a UUID-based log. An unset one (an empty value) is left out."""
    newest: dict[str, tuple[Time, str]] = {}
    for line in _lines(text):
        match = _UUID_BASED.fullmatch(line)
        if match is None:
            continue
        uuid = _text(match[1])
        when = _time(match[3] or b"0")
        if uuid not in newest or when > newest[uuid][0]:
            newest[uuid] = (when, _text(match[2] or b""))
    return {RemoteUuid(uuid): value for uuid, (_, value) in newest.items() if value}


def _new_style(text: bytes) -> Iterator[tuple[Time, str]]:
    for line in _lines(text):
        match = _NEW_STYLE.fullmatch(line)
        if match is not None:
            yield _time(match[1]), _text(match[2])


def _lines(text: bytes) -> Iterator[bytes]:
    for line in text.split(b"\n"):
        if line:
            yield line.removesuffix(b"\r")


def _text(data: bytes) -> str:
    return data.decode(errors="surrogateescape")


def _time(stamp: bytes) -> Time:
    return Decimal(stamp.decode()) if b"." in stamp else int(stamp)


def _time_text(when: Time) -> bytes:
    return (str(when) if isinstance(when, int) else format(when, "f")).encode()
