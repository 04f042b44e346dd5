"""What a peer sent: a head, and what came with it; and whether that can be believed.

The commits that are here and complete are those that came through this check, were made here, or were checked
by git itself. So what fails is not even kept in memory, where a later arrival could build on it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from instep.core.commit import MalformedCommit
from instep.core.names import is_safe_path
from instep.core.tree import MalformedTree, diff
from instep.core.types import MODE_GITLINK, Change, Key, Object, Objects, Oid
from instep.git.objects import MissingObject, ObjectStore, WrongKind
from instep.git.packs import check_connected
from instep.git.repository import Repository


class BadArrivalError(Exception):
    """What a peer sent is not what it should be; the text says what."""


class IncompleteError(Exception):
    """Objects that an arrived head needs are not here: a pack is called for."""


@dataclass(frozen=True)
class Arrival:
    """A head that came in, with what came with it."""

    head: Oid
    origin: str
    """The remote's name; empty for a fork of our own."""
    objects: Objects = field(default_factory=dict[Oid, Object])
    contents: tuple[tuple[Key, bytes], ...] = ()
    """Small annex content, checked against its key by whoever received it."""
    packed: bool = False
    """Whether a pack came before it, whose objects are in the repository already."""
    peer_joins: bool | None = None
    """Over a link, two heads of one and the same tree are joined by one side only: True if by the other,
    False if by us. None: it came from somewhere that joins nothing."""
    ripe: bool = False
    """Whether it has waited for somebody else to join it."""
    answer: Callable[[str, str], None] | None = None
    """Called in the event loop with what became of it: durable, incomplete, refused or failed; and why."""


def together(several: Sequence[Arrival]) -> Arrival:
    """The last one, with all that came with any of them."""
    objects = {oid: item for arrival in several for oid, item in arrival.objects.items()}
    contents = tuple(content for arrival in several for content in arrival.contents)
    packed = any(arrival.packed for arrival in several)
    return replace(several[-1], objects=objects, contents=contents, packed=packed)


def ignore_answer(outcome: str, reason: str) -> None:
    """For an arrival that nobody waits for."""


def check_arrival(repo: Repository, arrival: Arrival) -> None:
    """Every commit that came raw is complete and holds only names that git accepts. Its objects can be read
    from now on. Raises BadArrivalError or IncompleteError, having forgotten them.
    """
    repo.objects.remember(arrival.objects)
    try:
        _check_commits(repo.objects, arrival)
        if arrival.packed and not check_connected(repo, [arrival.head]):
            raise IncompleteError("the pack is not complete")
    except BaseException as error:
        repo.objects.forget(arrival.objects)
        match error:
            case MissingObject():
                raise IncompleteError(str(error)) from error
            case MalformedCommit() | MalformedTree() | WrongKind():
                raise BadArrivalError(str(error)) from error
            case _:
                raise


def _check_commits(store: ObjectStore, arrival: Arrival) -> None:
    for oid, (kind, _) in arrival.objects.items():
        if kind == b"commit":
            commit = store.commit(oid)
            trees = [store.commit(parent).tree for parent in commit.parents]  # each must be here
            base = trees[0] if trees else None
            changes = list(diff(base, commit.tree, store.tree))
            check_names(changes)
            for change in changes:
                _check_blob(store, change, arrival.objects)
    store.commit(arrival.head)


def _check_blob(store: ObjectStore, change: Change, fresh: Objects) -> None:
    if change.new is None or change.new.mode == MODE_GITLINK:
        return
    item = fresh.get(change.new.oid)
    if item is None and not store.has(change.new.oid):
        raise MissingObject(change.new.oid)
    if item is not None and item.kind != b"blob":
        raise BadArrivalError(f"what should be the content of {change.path!r} is none")


def check_names(changes: Iterable[Change]) -> None:
    """Raises BadArrivalError for a path that could lead into a repository's own files. # I23"""
    for change in changes:
        if change.new is not None and not is_safe_path(change.path):
            raise BadArrivalError(f"the path {change.path!r} is not one that git accepts")
