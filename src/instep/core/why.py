"""Where one file's content is, where it should be, and what keeps it from being there; said of each copy.

The field names are the contract of `instep why --json`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

Kind = Literal["annexed", "in git", "not recorded", "nothing"]
"""annexed: the content is git-annex's; in git: it goes wherever the commit goes; not recorded: a file that is
in no commit; nothing: neither a file nor a record of one."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One copy of the folder. `has`: whether it holds the content, as far as is known (None: nothing is);
    `wants`: whether it should (None: its rule is not understood); `reason`: why it is not as it should be."""

    name: str
    uuid: str = ""
    has: bool | None = None
    wants: bool | None = True
    reason: str = ""


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer about one path. `reasons`: what is to be said of the file itself, wherever it is."""

    path: str
    kind: Kind
    key: str = ""
    size_bytes: int | None = None
    places: list[Place] = []
    reasons: list[str] = []

    @property
    def is_settled(self) -> bool:
        """Whether the content is wherever it should be, as far as is known."""
        return self.kind in ("annexed", "in git") and not self.reasons and all(map(_is_settled, self.places))


@dataclass(frozen=True, slots=True)
class Copy:
    """What is known of one copy of the folder. `trouble`: why it can't be reached, "" if it can. `rule`: its
    preferred content, "" if it has none."""

    name: str
    uuid: str
    has: bool | None
    wants: bool | None
    rule: str = ""
    trouble: str = ""
    is_here: bool = False


def explain(copy: Copy, others: Sequence[Copy], lag: str = "") -> Place:
    """One line of the answer about annexed content. `others` are asked when this copy lacks what it wants;
    `lag`: what keeps the work tree here from showing it."""
    return Place(
        name=copy.name, uuid=copy.uuid, has=copy.has, wants=copy.wants, reason=_reason(copy, others, lag)
    )


def _reason(copy: Copy, others: Sequence[Copy], lag: str) -> str:
    if copy.has:
        return lag if copy.is_here else ""
    if copy.wants is None:
        return f"its preferred content is not understood: {copy.rule}"
    if not copy.wants:
        return f"its preferred content does not ask for it: {copy.rule}"
    return copy.trouble or (_lacking_here(others, lag) if copy.is_here else "on its way")


def _lacking_here(others: Sequence[Copy], lag: str) -> str:
    holders = [other for other in others if other.has]
    if not holders:
        return "no copy is known to have it"
    if all(other.trouble for other in holders):
        return "; ".join(f"{other.name} has it: {other.trouble}" for other in holders)
    return lag or "on its way"


def _is_settled(place: Place) -> bool:
    """Content that a copy does not ask for need not be there."""
    if place.wants is None:
        return False
    return not place.reason or (not place.wants and not place.has)
