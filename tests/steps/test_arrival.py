"""What a peer sends is checked before anything is believed."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from instep.core.commit import Commit
from instep.core.tree import encode_tree
from instep.core.types import MODE_FILE, MODE_TREE, Entry, Object, Oid
from instep.steps.arrival import Arrival, BadArrivalError, IncompleteError
from tests.steps.crafted import WHO, commit_of, tree_of
from tests.steps.side import Side, met, same


def unmoved(side: Side, arrival: Arrival, error: type[Exception]) -> None:
    """The arrival is refused, and moves nothing."""
    head, files = side.state.head, side.files()
    with pytest.raises(error):
        side.merger.merge(arrival)
    assert (side.state.head, side.files()) == (head, files)
    assert side.state.repo.refs.read("refs/heads/main") == head


def test_a_head_that_is_not_here_calls_for_a_pack(a: Side) -> None:
    a.save("start", "start")
    unmoved(a, Arrival(Oid(b"1" * 20), "there"), IncompleteError)


@pytest.mark.parametrize("kind", [b"blob", b"tree"])
def test_an_object_that_is_missing_calls_for_a_pack(a: Side, b: Side, kind: bytes) -> None:  # I10
    met(a, b)
    a.save("d/x", "1")
    arrival = b.arrival(a)
    short = {oid: item for oid, item in arrival.objects.items() if item.kind != kind}
    unmoved(b, replace(arrival, objects=short), IncompleteError)
    b.merge(a)
    same(a, b)


@pytest.mark.parametrize("name", [b".git", b"..", b".GIT", b"git~1", b"."])
def test_a_path_that_git_would_not_accept_is_refused(a: Side, name: bytes) -> None:  # I23
    a.save("start", "start")
    blobs, objects = tree_of(a, config=b"[core]")
    tree = encode_tree(blobs)
    oid = a.state.repo.format.hash(b"tree", tree)
    objects |= {oid: Object(b"tree", tree)}
    head, objects = commit_of(a, {name: Entry(MODE_TREE, oid)}, objects, a.head)
    unmoved(a, Arrival(head, "there", objects), BadArrivalError)


def test_a_bad_path_cannot_hide_behind_a_later_commit(a: Side) -> None:  # I10 I23
    """What was refused is not believed because it was seen before."""
    a.save("start", "start")
    blobs, objects = tree_of(a, config=b"[core]")
    tree = encode_tree(blobs)
    oid = a.state.repo.format.hash(b"tree", tree)
    entries = {b".git": Entry(MODE_TREE, oid)}
    bad, objects = commit_of(a, entries, objects | {oid: Object(b"tree", tree)}, a.head)
    unmoved(a, Arrival(bad, "there", objects), BadArrivalError)
    later, more = commit_of(a, entries, {}, bad)
    only = {later: more[later]}
    unmoved(a, Arrival(later, "there", only), IncompleteError)
    a.state.repo.objects.write(objects | more)  # they may be here for another reason: a fetch by hand
    unmoved(a, Arrival(later, "there", only), BadArrivalError)
    assert a.read(".git/config") != b"[core]"


def test_an_incomplete_commit_cannot_hide_behind_a_later_one(a: Side) -> None:  # I10
    a.save("start", "start")
    entries, objects = tree_of(a, x=b"1")
    first, objects = commit_of(a, entries, objects, a.head)
    short = {oid: item for oid, item in objects.items() if item.kind != b"blob"}
    unmoved(a, Arrival(first, "there", short), IncompleteError)
    second, more = commit_of(a, entries, {}, first)
    unmoved(a, Arrival(second, "there", {second: more[second]}), IncompleteError)
    a.fsck()


@pytest.mark.parametrize("lost_first", [False, True])
def test_a_merge_of_a_commit_that_is_not_here_is_incomplete(a: Side, lost_first: bool) -> None:  # I10 I26
    """A peer may have, and merge, a commit that our disk refused (ADR 5)."""
    a.save("start", "start")
    lost = Oid(b"1" * 20)
    entries, objects = tree_of(a, x=b"1")
    parents = (lost, a.head) if lost_first else (a.head, lost)
    merge, objects = commit_of(a, entries, objects, *parents)
    unmoved(a, Arrival(merge, "there", objects), IncompleteError)


Broken = Callable[[Side], tuple[Oid, dict[Oid, Object]]]


def _no_commit(side: Side) -> tuple[Oid, dict[Oid, Object]]:
    oid = side.state.repo.format.hash(b"blob", b"x")
    return oid, {oid: Object(b"blob", b"x")}


def _malformed_commit(side: Side) -> tuple[Oid, dict[Oid, Object]]:
    oid = side.state.repo.format.hash(b"commit", b"x")
    return oid, {oid: Object(b"commit", b"x")}


def _malformed_tree(side: Side) -> tuple[Oid, dict[Oid, Object]]:
    tree = side.state.repo.format.hash(b"tree", b"junk")
    data = Commit(tree, (side.head,), WHO, WHO, b"theirs\n").encode()
    oid = side.state.repo.format.hash(b"commit", data)
    return oid, {tree: Object(b"tree", b"junk"), oid: Object(b"commit", data)}


def _tree_as_file(side: Side) -> tuple[Oid, dict[Oid, Object]]:
    entries, objects = tree_of(side, y=b"1")
    tree = encode_tree(entries)
    oid = side.state.repo.format.hash(b"tree", tree)
    return commit_of(side, {b"x": Entry(MODE_FILE, oid)}, objects | {oid: Object(b"tree", tree)}, side.head)


@pytest.mark.parametrize("make", [_no_commit, _malformed_commit, _malformed_tree, _tree_as_file])
def test_what_is_not_what_it_should_be_is_refused(a: Side, make: Broken) -> None:  # I25
    a.save("start", "start")
    head, objects = make(a)
    unmoved(a, Arrival(head, "there", objects), BadArrivalError)
