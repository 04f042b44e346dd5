"""Versions that a person's git may put back, because a merge of ours came between its beginning and its end.

`git merge` notes the commit that it begins at (and a moment later writes ORIG_HEAD), and takes the lock of
the index only afterwards. If it gives up, it puts the work tree back to that commit, or to what the index
has. What we merged shortly before is replaced by the version before then, which looks like a person's edit,
and would take the real one back everywhere. So what merges changed is remembered for a while. A file counts
as put back if it holds exactly the version of before, and was written while that git was at work, or just
before, by an earlier merge of the same command, perhaps. # I5 I17
"""

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from instep.core.types import Change, Entry, Oid, RelPath
from instep.fs.identity import Identity
from instep.steps.turns import LOCK_LIFE_S, Turns

BEGINS_BEFORE_S = 1.0
"""So much earlier than ORIG_HEAD is written a git may have looked where it begins; or another merge of the
same command (`git annex sync`) began and put back what it had, which we did not see."""
MOST = 1 << 14
"""So many files are remembered of one merge, and about twice as many of all."""
CLOCK_STEP_S = 0.02
"""The times of files are so much behind, at most: one tick of the kernel."""


class _Crossing(NamedTuple):
    old: Entry
    since: Oid
    began_s: float
    ended_s: float


def _is_put_back(crossing: _Crossing, identity: Identity, begun_s: float, over_s: float) -> bool:
    """Whether this may be what a git put back that wrote ORIG_HEAD then, and was over then."""
    if not begun_s - BEGINS_BEFORE_S <= identity.ctime_ns / 1e9 <= over_s:
        return False
    return crossing.began_s - CLOCK_STEP_S <= begun_s <= crossing.ended_s + BEGINS_BEFORE_S


class Crossed:
    """What the last merges changed. For the folder's one writer."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._recent: dict[RelPath, list[_Crossing]] = {}
        self._earlier: dict[RelPath, list[_Crossing]] = {}
        self._recent_since_s = 0.0
        self._began_s = 0.0

    def begin(self) -> None:
        """No git is at work now, and the writer begins."""
        self._began_s = time.time()

    def note(self, changes: Iterable[Change], since: Oid | None) -> None:
        """The work tree was brought from this commit to another one, by these changes."""
        now_s = time.time()
        if abs(now_s - self._recent_since_s) > LOCK_LIFE_S or len(self._recent) > MOST:
            self._recent, self._earlier, self._recent_since_s = {}, self._recent, now_s
        for path, old, _ in islice(changes, MOST):
            if old is not None and since is not None:
                crossing = _Crossing(old, since, self._began_s, now_s)
                self._recent.setdefault(path, []).append(crossing)

    def replaced(self, path: RelPath, entry: Entry | None) -> bool:
        """Whether a merge put something newer in the place of this version, not long ago."""
        return any(crossing.old == entry for crossing in self._known(path))

    def ground(self, path: RelPath, entry: Entry | None, identity: Identity | None) -> Oid | None:
        """The commit that a person's git put this file back to; None: it is an edit. So is the same version
        when it is found once more: who undoes it again means it."""
        known = [crossing for crossing in self._known(path) if crossing.old == entry]
        if not known or identity is None:
            return None
        for crossing in known:
            if any(_is_put_back(crossing, identity, *merge) for merge in self._turns.merges):
                self._earlier.pop(path, None)
                self._recent.pop(path, None)
                return crossing.since
        return None

    def _known(self, path: RelPath) -> Iterator[_Crossing]:
        yield from self._earlier.get(path, ())
        yield from self._recent.get(path, ())
