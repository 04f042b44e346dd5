"""What `instep status` says, and the one decision in it: is the folder in step?

The field names are the contract of `instep status --json`. Paths and names are text here, for people and
JSON: bytes that are no UTF-8 are shown with backslash escapes (`shown`).
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from instep.core.health import Severity

State = Literal["in step", "syncing", "waiting", "paused", "attention"]
Direction = Literal["send", "receive"]


class RemoteStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One remote. `reason` is why it is not in step ("" if it is); `outstanding` what it still lacks."""

    name: str
    url: str = ""
    uuid: str = ""
    reachable: bool = False
    in_step: bool = False
    paused: bool = False
    outstanding: list[str] = []
    reason: str = ""


class TransferStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Content of one file that is on its way."""

    ident: str
    remote: str
    path: str
    direction: str
    done_bytes: int
    total_bytes: int


class AttentionItem(msgspec.Struct, frozen=True, kw_only=True):
    """What a person should look at. `since` is seconds since the epoch."""

    code: str
    severity: Severity
    text: str
    fix: str
    subject: str = ""
    since: int = 0


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer. `outstanding` names everything that keeps the folder from being in step."""

    folder: str
    in_step: bool
    state: State
    head: str | None
    remotes: list[RemoteStatus]
    transfers: list[TransferStatus]
    attention: list[AttentionItem]
    outstanding: list[str]
    activity: dict[str, str]


def shown(name: bytes) -> str:
    """A path or name as text that can always be printed and put into JSON."""
    return name.decode("utf-8", "backslashreplace")


def files(count: int) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {'file' if count == 1 else 'files'}"


def honest(remote: RemoteStatus) -> RemoteStatus:
    """The remote's facts made consistent: in step only if reached just now, else with a reason."""  # I29
    if remote.in_step and remote.reachable and not remote.outstanding:
        return msgspec.structs.replace(remote, reason="")
    reason = remote.reason or _default_reason(remote)
    return msgspec.structs.replace(
        remote, in_step=False, reason=reason, outstanding=remote.outstanding or [reason]
    )


def _default_reason(remote: RemoteStatus) -> str:
    if remote.paused:
        return "paused"
    if not remote.reachable:
        return "not reachable"
    if remote.outstanding:
        return "; ".join(remote.outstanding)
    return "catching up"


def judge(  # I29
    pending: Mapping[str, int],
    remotes: Sequence[RemoteStatus],
    transfers: Sequence[TransferStatus],
    attention: Sequence[AttentionItem],
) -> tuple[State, list[str]]:
    """The folder's state, and everything that is outstanding; `remotes` must be `honest`.

    "in step" exactly when nothing is outstanding. What needs a person comes first, then work that goes on
    by itself (syncing), then remotes that can't be reached (waiting) or are paused.
    """
    outstanding = [f"{count} {what}" for what, count in pending.items() if count]
    outstanding += [f"{t.path}: on its way ({t.remote})" for t in transfers]
    late = [remote for remote in remotes if not remote.in_step]
    for remote in late:
        outstanding += [f"{remote.name}: {text}" for text in remote.outstanding]
    serious = [item for item in attention if item.severity == "attention"]
    outstanding += [item.text for item in serious]
    if not outstanding:
        return "in step", []
    if serious:
        return "attention", outstanding
    busy = any(pending.values()) or bool(transfers)
    if busy or any(remote.reachable and not remote.paused for remote in late):
        return "syncing", outstanding
    return ("paused" if all(remote.paused for remote in late) else "waiting"), outstanding
