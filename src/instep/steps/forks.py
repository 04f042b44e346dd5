"""Edits of lagging paths, committed and not merged yet: such a commit is a fork, and has a ref until it is.

The lag book says that the file rests on its fork, and lets the next installation replace it. So a fork that
were forgotten between its commit and its merge (the branch moved meanwhile, the process died) would be a lost
edit: the ref is made before the book says so, and keeps the commit from git's own clearing away, too (I1).
"""

from collections.abc import Iterable, Iterator

from instep.core.types import Oid
from instep.git.history import held_by
from instep.git.refs import RefUpdate
from instep.git.repository import Repository

PREFIX = "refs/instep/forks/"
_REASON = "instep: commit"


class Forks:
    """The forks of one folder, the newest first: it holds the older ones of the same files, and they are
    merged with it. Those of the process before come last. Blocking."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._waiting: dict[Oid, None] = dict.fromkeys(repo.refs.list(PREFIX).values())

    def __iter__(self) -> Iterator[Oid]:
        return iter(tuple(reversed(self._waiting)))

    def __contains__(self, fork: Oid) -> bool:
        return fork in self._waiting

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, forks: Iterable[Oid]) -> None:
        """These wait to be merged from now on. Their objects are durable. Raises GitError."""
        new = [fork for fork in forks if fork not in self._waiting]
        self._repo.refs.update([RefUpdate(PREFIX + fork.hex(), fork) for fork in new], _REASON)
        self._waiting |= dict.fromkeys(new)

    def settle(self, head: Oid | None) -> set[Oid]:
        """The branch stands here: let go of those that it has, and give them. Raises GitError."""
        if not self._waiting or head is None:
            return set()
        merged = held_by(self._repo, head, self._waiting)
        self._repo.refs.update([RefUpdate(PREFIX + fork.hex(), None) for fork in merged], _REASON)
        for fork in merged:
            del self._waiting[fork]
        return merged
