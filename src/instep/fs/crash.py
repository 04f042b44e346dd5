"""The durable steps, each by its name: the process may die between any two of them (I27).

Whoever takes such a step says so by `passed`. With `INSTEP_KILL_AT=NAME` (or `NAME:N`) in its environment a
process ends by SIGKILL when it passes that step for the first (or Nth) time; tests do that for every name
there is. Without it, passing costs the call of an empty function.
"""

import os
import signal
from collections.abc import Callable
from enum import StrEnum

VARIABLE = "INSTEP_KILL_AT"


class Point(StrEnum):
    """What has just been done, in about the order of a change's way."""

    # files and objects
    ASIDE = "aside"
    """A file is written aside, and not synced."""
    SYNCED = "synced"
    """All that was written aside is durable, and nothing of it has its name."""
    LOOSE_PLACED = "loose-placed"
    PACK_PLACED = "pack-placed"
    """A pack has its name, its index has not."""
    OBJECTS_PLACED = "objects-placed"
    """No ref names them."""
    PACK_CHECKED = "pack-checked"
    """A pack that arrived is whole, and has no name."""
    CONTENT_PLACED = "content-placed"
    """An object is in the annex, and not in the location log."""
    NAMES_SYNCED = "names-synced"
    # refs
    COMMIT_TOLD = "commit-told"
    """Peers may have the commit before our disk has (ADR 5)."""
    REF_MOVING = "ref-moving"
    REF_MOVED = "ref-moved"
    # the work tree
    CREATED = "created"
    EXCHANGING = "exchanging"
    """The new version lies where the old one will."""
    EXCHANGED = "exchanged"
    """What was displaced has not been looked at."""
    REMOVED = "removed"
    MOVED = "moved"
    CHMODED = "chmoded"
    SETTLED = "settled"
    """What was displaced and did not change is deleted."""
    RESCUED = "rescued"
    """What was displaced and changed has a name in the work tree again, and in no commit."""
    INSTALLED = "installed"
    """The work tree is at the merge, the branch is not (ADR 2)."""
    LAG_ASIDE = "lag-aside"
    LAG_WRITTEN = "lag-written"
    # content
    PIECE_WRITTEN = "piece-written"
    """A part of a key's content arrived."""
    GIVEN_AWAY = "given-away"
    """The work tree's copy is verified and durable, and the annex has nothing yet."""
    DOWNLOADED = "downloaded"
    """All of it is verified and durable, and not in the annex."""
    # what is written late
    JOURNAL_PLACED = "journal-placed"
    """git-annex's journal has what the branch is about to get."""
    LOCATIONS_COMMITTED = "locations-committed"
    """The git-annex branch has what the journal has still."""
    INDEX_WRITTEN = "index-written"
    """Aside."""
    INDEX_LOCKED = "index-locked"
    """It has the name of its lock."""
    INDEX_PLACED = "index-placed"


def _go_on(_: Point) -> None:
    """Nothing happens here."""


def passing(wanted: str) -> Callable[[Point], None]:
    """What `passed` is for a value of the variable. Raises ValueError for a name that no step has."""
    if not wanted:
        return _go_on
    name, _, nth = wanted.partition(":")
    end, left = Point(name), int(nth or 1)

    def count_down(point: Point) -> None:
        nonlocal left
        if point is end:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return count_down


passed = passing(os.environ.get(VARIABLE, ""))
