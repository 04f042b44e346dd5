"""What is sent to a peer: just what it lacks, what is named before what names it, or a pack."""

import pytest

from instep.core.types import Object, Oid
from instep.git.outgoing import MAX_COMMITS, commits_since, new_objects
from instep.remotes.frames import Inline, Objects
from instep.steps.push import MAX_INLINE_BYTES, raw_frames
from tests.steps.side import Side, big


def sent(side: Side, have: list[Oid], *, contents: bool = True) -> tuple[list[Object], list[bytes]]:
    """Objects and contents that go before the move."""
    frames = raw_frames(side.state, side.head, have, contents=contents)
    assert frames is not None
    objects = [item for frame in frames if isinstance(frame, Objects) for item in frame.items]
    return objects, [item.data for frame in frames if isinstance(frame, Inline) for item in frame.items]


def test_a_step_on_is_its_blob_its_trees_and_its_commit(a: Side) -> None:
    a.write("other/file", "other")
    a.save("d/e/one", "1")
    a.commit()
    before = a.head
    a.save("d/e/one", "2")
    objects, contents = sent(a, [before])
    assert [item.kind for item in objects] == [b"blob", b"tree", b"tree", b"tree", b"commit"]
    assert objects[0].data == b"2"
    assert contents == []


def test_what_is_named_comes_before_what_names_it(a: Side) -> None:  # I10
    for number in range(3):
        a.save(f"d{number}/x", str(number))
    objects, _ = sent(a, [])
    form = a.state.repo.format
    place = {form.hash(item.kind, item.data): at for at, item in enumerate(objects)}
    for oid, at in place.items():
        if objects[at].kind == b"commit":
            commit = a.state.repo.objects.commit(oid)
            assert all(place[name] < at for name in (commit.tree, *commit.parents))
        if objects[at].kind == b"tree":
            assert all(place[entry.oid] < at for entry in a.state.repo.objects.tree(oid).values())


def test_nothing_goes_to_who_has_it(a: Side) -> None:  # I13
    a.save("one", "1")
    assert sent(a, [a.head]) == ([], [])


def test_both_sides_of_a_merge_are_sent_once(a: Side, b: Side) -> None:
    a.save("start", "start")
    b.merge(a)
    start = a.head
    a.save("one", "1")
    b.save("two", "2")
    theirs = b.head
    a.merge(b)
    found = commits_since(a.state.repo.objects, a.head, [start])
    assert found is not None
    assert (found[-1], len(found)) == (a.head, 3)
    assert commits_since(a.state.repo.objects, a.head, [start, theirs]) == [
        oid for oid in found if oid != theirs
    ]


def test_many_commits_call_for_a_pack(a: Side) -> None:
    start = a.save("x", "start").commit
    for number in range(MAX_COMMITS + 1):
        a.save("x", str(number))
    assert start is not None
    assert raw_frames(a.state, a.head, [start], contents=True) is None


def test_a_large_object_calls_for_a_pack(a: Side) -> None:
    a.git("config", "annex.largefiles", "nothing")
    a.save("x", "small")
    data = b"x" * (5 << 20)
    oid = a.state.repo.format.hash(b"blob", data)
    a.state.repo.objects.write({oid: Object(b"blob", data)})
    a.git("update-index", "--add", "--cacheinfo", f"100644,{oid.hex()},x")
    a.git("commit", "-q", "-m", "large")
    a.committer.follow_branch()
    assert raw_frames(a.state, a.head, [], contents=True) is None


@pytest.mark.parametrize("contents", [True, False])
def test_small_contents_go_along_if_they_may(a: Side, contents: bool) -> None:  # I7
    a.save("film.bin", big("film"))
    assert sent(a, [], contents=contents)[1] == ([big("film")] if contents else [])


def test_contents_go_along_up_to_a_bound(a: Side) -> None:
    half = MAX_INLINE_BYTES // 2 + 1
    for name in ("1", "2", "3"):
        a.write(name, name.encode() * half)
    a.write("4", big("4"))
    a.commit()
    assert sorted(map(len, sent(a, [])[1])) == [len(big("4")), half]


def test_an_object_that_is_not_here_calls_for_git_itself(a: Side) -> None:
    a.save("one", "1")
    oid = a.git("hash-object", "one").strip()
    (a.folder / f".git/objects/{oid[:2]}/{oid[2:]}").unlink()
    a.state.repo.objects.forget([Oid(bytes.fromhex(oid))])
    assert raw_frames(a.state, a.head, [], contents=True) is None


def test_the_commit_of_a_submodule_is_nothing_to_send(a: Side) -> None:
    a.save("one", "1")
    before = a.head
    a.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    a.git("commit", "-q", "-m", "a submodule")
    a.committer.follow_branch()
    objects, _ = sent(a, [before])
    assert [kind for kind, _ in objects] == [b"tree", b"commit"]
    assert new_objects(a.state.repo.objects, []) == []
