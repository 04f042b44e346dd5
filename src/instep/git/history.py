"""Questions about the graph of commits, answered natively over short distances and by git over long ones.

The walks paint commits from both sides, youngest first, until every commit that is left to look at has the
colours that make it uninteresting. Dates only decide the order: a clock at 1970 or ten years ahead makes a
walk longer, never wrong (I20), because a colour that arrives late is handed on again.
"""

import contextlib
import heapq
from collections.abc import Collection, Sequence
from itertools import count

from instep.core.types import Oid
from instep.git.errors import GitError, MissingObject, sentence
from instep.git.objects import ObjectStore
from instep.git.repository import Repository

FAR = 200
"""Commits that a native walk reads before it asks git, which has commit graphs and compiled code."""

_LEFT, _RIGHT, _STALE = 1, 2, 4
_BOTH = _LEFT | _RIGHT


class _TooFar(Exception):
    """The walk has read as many commits as it may."""


def is_ancestor(repo: Repository, old: Oid, new: Oid) -> bool:
    """Whether `new` holds all that `old` holds (also if they are the same). Raises MissingObject."""
    if old == new:
        return True
    repo.objects.commit(old)
    try:
        return old in _Painting(repo.objects, FAR).reached(new, {old})
    except _TooFar:
        return _ask(repo, "--is-ancestor", old, new) is not None


def held_by(repo: Repository, head: Oid, commits: Collection[Oid]) -> set[Oid]:
    """Those of the commits that `head` holds, by one walk for all. Raises MissingObject, GitError."""
    wanted = set(commits)
    try:
        return _Painting(repo.objects, FAR).reached(head, wanted)
    except _TooFar:
        asked = "\n".join([f"^{head.hex()}", *(commit.hex() for commit in wanted)])
        beside = repo.git.run("rev-list", "--stdin", input=asked.encode())
        return wanted - {Oid(bytes.fromhex(line.decode())) for line in beside.split()}


def merge_bases(repo: Repository, one: Oid, *others: Oid) -> list[Oid]:
    """The best common ancestors of `one` and a merge of the others, sorted by id; none if they never met.

    Raises MissingObject.
    """
    if one in others:
        return [one]
    with contextlib.suppress(_TooFar):
        found = _Painting(repo.objects, FAR).common([one], others)
        return [oid for oid in found if not any(_is_held(repo, oid, other) for other in found)]
    lines = _ask(repo, "--all", one, *others) or b""
    return sorted(Oid(bytes.fromhex(line.decode())) for line in lines.split())


def _is_held(repo: Repository, oid: Oid, other: Oid) -> bool:
    """Whether `other` is another commit, and holds this one. Raises _TooFar."""
    return oid != other and oid in _Painting(repo.objects, FAR).common([oid], [other])


def commits_between(repo: Repository, have: Oid | None, want: Oid, limit: int) -> list[Oid] | None:
    """The commits that `want` holds and `have` does not, parents before children.

    None if these are more than `limit`, if it takes too long to tell, or if one of them is not here. `have`
    need not be an ancestor of `want`.
    """
    painting = _Painting(repo.objects, limit + FAR)
    try:
        painting.common([want], [have] if have else [])
        found = painting.only_left()
    except (_TooFar, MissingObject):
        return None
    return None if len(found) > limit else found


def _ask(repo: Repository, option: str, *commits: Oid) -> bytes | None:
    """What `git merge-base` prints; None where it says no."""
    done = repo.git.result("merge-base", option, *(commit.hex() for commit in commits))
    if done.returncode > 1:
        raise GitError(sentence(done.stderr, "git merge-base failed"), status=done.returncode)
    return done.stdout if done.returncode == 0 else None


class _Painting:
    """One walk: colours of the commits that were met, and those that are still to be looked at."""

    def __init__(self, objects: ObjectStore, most: int) -> None:
        self._objects = objects
        self._left_to_read = most
        self._colours: dict[Oid, int] = {}
        self._queue: list[tuple[int, int, Oid]] = []
        self._queued: set[Oid] = set()
        self._interesting = 0
        self._serial = count()

    def reached(self, start: Oid, targets: Collection[Oid]) -> set[Oid]:
        """Those of the targets that are `start` or among its ancestors."""
        found: set[Oid] = set()
        self._add(start, _LEFT)
        while self._queue and len(found) < len(targets):
            oid = self._take()
            if oid in targets:
                found.add(oid)
            for parent in self._parents(oid):
                self._add(parent, _LEFT)
        return found

    def common(self, left: Sequence[Oid], right: Sequence[Oid]) -> list[Oid]:
        """Common ancestors: all best ones, and if there are several perhaps some that others of them hold."""
        for oid in left:
            self._add(oid, _LEFT)
        for oid in right:
            self._add(oid, _RIGHT)
        found: list[Oid] = []
        while self._interesting:
            oid = self._take()
            colours = self._colours[oid]
            if colours & (_BOTH | _STALE) == _BOTH:
                found.append(oid)
                colours |= _STALE
            for parent in self._parents(oid):
                self._add(parent, colours)
        return sorted(oid for oid in found if not self._colours[oid] & _STALE)

    def only_left(self) -> list[Oid]:
        """After `common`: what the left side alone holds, parents before children. Raises _TooFar."""
        self._hand_on_to_known()
        mine = {oid for oid, colours in self._colours.items() if colours == _LEFT}
        ordered: dict[Oid, None] = {}
        stack = [(oid, False) for oid in mine]
        while stack:
            oid, parents_done = stack.pop()
            if oid in ordered:
                continue
            if parents_done:
                ordered[oid] = None
                continue
            stack.append((oid, True))
            parents = self._objects.commit(oid).parents
            stack += [(parent, False) for parent in parents if parent in mine and parent not in ordered]
        return list(ordered)

    def _hand_on_to_known(self) -> None:
        """The walk ends when news can't matter to what is common; what was met before may still lack it."""
        while self._queue:
            oid = self._take()
            for parent in self._parents(oid):
                if parent in self._colours:
                    self._add(parent, self._colours[oid])

    def _parents(self, oid: Oid) -> tuple[Oid, ...]:
        return self._objects.commit(oid).parents

    def _add(self, oid: Oid, colours: int) -> None:
        """Gives a commit more colours and puts it (back) into the queue if that is news."""
        old = self._colours.get(oid, 0)
        new = old | colours
        if new == old:
            return
        self._colours[oid] = new
        if oid in self._queued:
            self._interesting += (new & _STALE == 0) - (old & _STALE == 0)
            return
        self._left_to_read -= 1
        if self._left_to_read < 0:
            raise _TooFar
        when = self._objects.commit(oid).committer.when
        heapq.heappush(self._queue, (-when, next(self._serial), oid))
        self._queued.add(oid)
        self._interesting += new & _STALE == 0

    def _take(self) -> Oid:
        oid = heapq.heappop(self._queue)[2]
        self._queued.discard(oid)
        self._interesting -= self._colours[oid] & _STALE == 0
        return oid
