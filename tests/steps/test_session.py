"""Two folders over a real link: heads go both ways, nothing goes twice, and no peer can do harm."""

import os
from collections.abc import Callable

import anyio
import pytest

from instep.core.commit import Commit, Signature
from instep.core.tree import encode_tree
from instep.core.types import MODE_FILE, MODE_LINK, MODE_TREE, Entry, Key, Object, Oid
from instep.git.outgoing import MAX_COMMITS
from instep.git.packs import PackReceiver
from instep.remotes.errors import LinkError, ProtocolError
from instep.remotes.frames import Frame, Heads, Inline, Item, Move, Moved, NeedPack, Objects, Pack, RefMove
from instep.steps.session import matches
from tests.remotes.pairs import Raw
from tests.steps.side import Side, big, p
from tests.steps.talk import Desk, stranger, talking

pytestmark = pytest.mark.anyio

MAIN = "refs/heads/synced/main"
WHO = Signature(b"x", b"x@x", 1_700_000_000)


def same(a: Side, b: Side) -> dict[str, bytes]:
    assert a.head == b.head
    assert a.files() == b.files()
    a.fsck()
    b.fsck()
    return a.files()


async def test_what_one_side_has_the_other_gets(a: Side, b: Side) -> None:
    a.save("one", "1")
    one, two = Desk(a), Desk(b)
    async with talking(one, two):
        await one.until(lambda: one.in_step(two))
        a.save("two", "2")
        one.moved()
        await one.until(lambda: one.in_step(two))
        b.save("three", "3")
        two.moved()
        await two.until(lambda: one.in_step(two))
    assert same(a, b) == {"one": b"1", "two": b"2", "three": b"3"}


async def test_heads_come_first_however_early_the_peer_says_its_own(a: Side) -> None:
    a.save("one", "1")
    async with stranger(Desk(a), Heads("main", None, None, settled=True)) as raw:
        assert isinstance(await raw.receive(), Objects)


@pytest.mark.parametrize("limit", ["", "1 MB"])
async def test_content_goes_along_with_its_commit_unless_that_is_limited(a: Side, limit: str) -> None:
    if limit:
        a.git("config", "annex.bwlimit-upload", limit)
        a.state.repo.config.reload()
    a.save("film", big("film"))
    one, got = Desk(a), list[Frame]()
    async with stranger(one) as raw:
        await raw.send(Heads("main", None, None, settled=True))
        while not (got and isinstance(got[-1], Move)):
            got.append(await raw.receive())
    assert any(isinstance(frame, Inline) for frame in got) is not bool(limit)


async def test_both_at_once_come_to_one_head_and_fall_silent(a: Side, b: Side) -> None:  # I13 I14
    a.save("x", "a")
    a.save("mine", "1")
    b.save("x", "b")
    b.save("yours", "2")
    one, two = Desk(a), Desk(b)
    async with talking(one, two):
        await one.until(lambda: one.in_step(two))
        head = a.head
        one.moved()
        two.moved()
        await anyio.wait_all_tasks_blocked()
        a.save("y", "3")
        one.moved()
        await one.until(lambda: one.in_step(two))
        assert a.state.repo.objects.commit(a.head).parents == (head,)
    assert sorted(same(a, b).values()) == [b"1", b"2", b"3", b"a", b"b"]


async def test_small_annex_content_travels_with_its_commit(a: Side, b: Side) -> None:  # I7
    a.save("start", "start")
    one, two = Desk(a), Desk(b)
    async with talking(one, two):
        await one.until(lambda: one.in_step(two))
        a.save("film.bin", big("film"))
        one.moved()
        await one.until(lambda: one.in_step(two))
        assert two.merged[-1].stored == [a.key("film.bin")]
    assert same(a, b)["film.bin"] == big("film")


async def test_a_long_history_goes_as_a_pack(a: Side, b: Side) -> None:
    for number in range(MAX_COMMITS + 2):
        a.save("x", str(number))
    one, two = Desk(a), Desk(b)
    async with talking(one, two):
        await one.until(lambda: one.in_step(two))
        assert two.arrivals[0].packed
    same(a, b)


async def test_who_lacks_something_asks_for_a_pack(a: Side, b: Side) -> None:  # I10
    """What the peer was believed to have, it has not."""
    a.save("one", "1")
    a.save("two", "2")
    one = Desk(a)
    async with stranger(one) as raw:
        parent = a.state.repo.objects.commit(a.head).parents[0]
        await raw.send(Heads("main", parent, None))
        while not isinstance(move := await raw.receive(), Move):
            assert isinstance(move, Objects | Heads)
        await raw.send(NeedPack(move.id, ()))
        packed = b""
        while isinstance(frame := await raw.receive(), Pack | Heads):
            packed += frame.data if isinstance(frame, Pack) else b""
        assert isinstance(frame, Move)
        assert frame.updates[0].new == a.head
        assert int.from_bytes(packed[8:12], "big") == 6


async def test_a_pack_builds_on_nothing_that_is_still_on_its_way(a: Side, b: Side) -> None:  # I10
    """Its receiver has the objects of an unanswered move in memory, where its git can't find them."""
    text = os.urandom(4000).hex()
    a.save("start", "start")
    b.merge(a)
    one = Desk(a)
    async with stranger(one) as raw:
        a.save("x", text)
        await raw.send(Heads("main", b.head, None))
        while not isinstance(await raw.receive(), Move):
            pass  # and no answer to it
        for number in range(MAX_COMMITS + 2):
            a.save("x", f"{text} {number}")
        one.moved()
        receiver = PackReceiver(b.state.repo)
        while not isinstance(frame := await raw.receive(), Move):
            if isinstance(frame, Pack):
                receiver.feed(frame.data)
        receiver.finish()
    assert b.state.repo.objects.has(frame.updates[0].new)
    b.git("fsck", "--strict", frame.updates[0].new.hex())


async def test_a_peer_on_another_branch_gets_nothing(a: Side, b: Side) -> None:
    a.save("one", "1")
    b.git("symbolic-ref", "HEAD", "refs/heads/other")
    b.committer.follow_branch()
    one, two = Desk(a), Desk(b)
    async with talking(one, two):
        await one.until(lambda: one.session is not None and one.session.peer is not None)
        await two.until(lambda: two.session is not None and two.session.peer is not None)
    assert two.arrivals == []
    assert b.state.head is None


async def answer_to(raw: Raw, *frames: Frame) -> Moved | NeedPack:
    """What the other side says to a move."""
    await raw.send(*frames)
    while not isinstance(frame := await raw.receive(), Moved | NeedPack):
        pass
    return frame


async def test_a_move_of_another_branch_is_not_merged_into_this_one(a: Side, b: Side) -> None:
    a.save("one", "1")
    b.save("two", "2")
    one = Desk(a)
    async with stranger(one) as raw:
        answer = await answer_to(raw, Move(1, (RefMove("refs/heads/synced/other", None, b.head),)))
        assert isinstance(answer, Moved)
        assert answer.outcome == "stale"
    assert one.arrivals == []


@pytest.mark.parametrize("ref", ["refs/tags/x", "refs/heads/synced/../../x", "refs/remotes/x/main", "HEAD"])
async def test_no_other_ref_is_moved(a: Side, ref: str) -> None:  # I23
    a.save("one", "1")
    one = Desk(a)
    async with stranger(one) as raw:
        answer = await answer_to(raw, Move(1, (RefMove(ref, None, a.head),)))
        assert isinstance(answer, Moved)
        assert answer.outcome == "refused"
    assert one.arrivals == []


def evil(side: Side, name: bytes = b".git") -> tuple[Oid, list[Object]]:
    """A commit that would write into `.git`, or what some file system takes for it."""
    form = side.state.repo.format
    blob = b"[core]"
    inner = encode_tree({b"config": Entry(MODE_FILE, form.hash(b"blob", blob))})
    tree = encode_tree({name: Entry(MODE_TREE, form.hash(b"tree", inner))})
    commit = Commit(form.hash(b"tree", tree), (side.head,), WHO, WHO, b"x\n").encode()
    objects = [
        Object(b"blob", blob),
        Object(b"tree", inner),
        Object(b"tree", tree),
        Object(b"commit", commit),
    ]
    return form.hash(b"commit", commit), objects


@pytest.mark.parametrize(
    "name",
    [
        b".git", b".GIT", b".GiT", b"git~1", b"GIT~1", b".git ", b".git.", b".git. .",
        b".git::$INDEX_ALLOCATION", ".g\u200cit".encode(), "\ufeff.git".encode(),
        b"..", b".", b"a\\.git", b".git\\x",
    ],
)  # fmt: skip
async def test_a_path_into_the_repository_is_refused_and_moves_nothing(a: Side, name: bytes) -> None:  # I23
    a.save("one", "1")
    head, config = a.head, a.read(".git/config")
    one = Desk(a)
    async with stranger(one) as raw:
        bad, objects = evil(a, name)
        answer = await answer_to(raw, Objects(tuple(objects)), Move(1, (RefMove(MAIN, None, bad),)))
        assert isinstance(answer, Moved)
        assert answer.outcome == "refused"
        answer = await answer_to(raw, Move(2, (RefMove(MAIN, None, bad),)))
        assert isinstance(answer, NeedPack), "it was not kept"
    assert (a.state.head, a.read(".git/config")) == (head, config)


async def test_a_link_and_a_directory_of_one_name_are_refused(a: Side) -> None:  # I6 I23
    """Put in place one after the other, the second would be written through the first."""
    a.save("one", "1")
    head, config = a.head, a.read(".git/config")
    form = a.state.repo.format
    target, blob = b".git", b"[core]"
    inner = encode_tree({b"config": Entry(MODE_FILE, form.hash(b"blob", blob))})
    link = b"120000 x\0" + form.hash(b"blob", target)
    tree = link + b"40000 x\0" + form.hash(b"tree", inner)
    commit = Commit(form.hash(b"tree", tree), (a.head,), WHO, WHO, b"x\n").encode()
    kinds = ((b"blob", target), (b"blob", blob), (b"tree", inner), (b"tree", tree), (b"commit", commit))
    objects = tuple(Object(kind, data) for kind, data in kinds)
    move = Move(1, (RefMove(MAIN, None, form.hash(b"commit", commit)),))
    async with stranger(Desk(a)) as raw:
        answer = await answer_to(raw, Objects(objects), move)
        assert isinstance(answer, Moved)
        assert answer.outcome == "refused"
    assert (a.state.head, a.read(".git/config"), a.files()) == (head, config, {"one": b"1"})


async def test_nothing_is_written_through_a_link_that_came_before(a: Side) -> None:  # I6 I23
    a.save("one", "1")
    config, form = a.read(".git/config"), a.state.repo.format
    blob, target = b"[core]", b".git"
    first = encode_tree({b"x": Entry(MODE_LINK, form.hash(b"blob", target))})
    inner = encode_tree({b"config": Entry(MODE_FILE, form.hash(b"blob", blob))})
    second = encode_tree({b"x": Entry(MODE_TREE, form.hash(b"tree", inner))})
    link = Commit(form.hash(b"tree", first), (a.head,), WHO, WHO, b"link\n").encode()
    inside = Commit(form.hash(b"tree", second), (form.hash(b"commit", link),), WHO, WHO, b"in\n").encode()
    kinds = ((b"blob", target), (b"blob", blob), (b"tree", first), (b"tree", inner), (b"tree", second))
    objects = tuple(Object(kind, data) for kind, data in (*kinds, (b"commit", link), (b"commit", inside)))
    async with stranger(Desk(a)) as raw:
        await answer_to(raw, Objects(objects), Move(1, (RefMove(MAIN, None, form.hash(b"commit", link)),)))
        await answer_to(raw, Move(2, (RefMove(MAIN, None, form.hash(b"commit", inside)),)))
    assert a.read(".git/config") == config
    assert a.files() == {"x/config": b"[core]"}, "a directory has taken the place of the link"


async def test_what_was_refused_is_not_sent_again(a: Side) -> None:  # I13 I28
    a.save("one", "1")
    one = Desk(a)
    async with stranger(one) as raw:
        await raw.send(Heads("main", None, None))
        while not isinstance(move := await raw.receive(), Move):
            pass
        await raw.send(Moved(move.id, "refused", "never"))
        await one.until(lambda: one.session is not None and one.session.unanswered == 0)
        await anyio.wait_all_tasks_blocked()
        a.save("two", "2")
        one.moved()
        while not isinstance(again := await raw.receive(), Move):
            pass
        assert again.updates[0].new == a.head, "the next one may please better"


async def test_content_that_is_not_its_key_is_dropped(a: Side, b: Side) -> None:  # I11
    b.save("start", "start")
    a.merge(b)
    b.save("film.bin", big("film"))
    key = b.key("film.bin")
    one = Desk(a)
    async with stranger(one) as raw:
        items = tuple(a.arrival(b).objects.values())
        wrong = Inline((Item(key, big("wrong")),))
        await answer_to(raw, Objects(items), wrong, Move(1, (RefMove(MAIN, None, b.head),)))
    assert not a.state.store.has(key)
    assert one.merged[0].wanted == {key: {p("film.bin")}}


async def test_a_broken_pack_ends_the_link_with_a_sentence(a: Side) -> None:  # I25
    a.save("one", "1")
    one = Desk(a)
    async with stranger(one) as raw:
        await raw.send(Pack(b"junk" * 100, True))
        await one.until(lambda: one.over)
    assert isinstance(one.ended, ProtocolError)


async def test_a_pack_that_was_cut_leaves_nothing(a: Side) -> None:  # I27
    a.save("one", "1")
    one = Desk(a)
    async with stranger(one) as raw:
        await raw.send(Pack(b"PACK\0\0\0\2\0\0\0\1", False))
        await answer_to(raw, Move(1, (RefMove("HEAD", None, a.head),)))
        await raw.stream.aclose()
        await one.until(lambda: one.over)
    assert isinstance(one.ended, LinkError)
    assert not [name for name in os.listdir(a.state.staging) if name.startswith(b"incoming-")]


def _need_nothing(_: Side) -> Frame:
    return NeedPack(99, ())


@pytest.mark.parametrize("make", [_need_nothing])
async def test_an_answer_to_no_question_ends_the_link(a: Side, make: Callable[[Side], Frame]) -> None:
    one = Desk(a)
    async with stranger(one) as raw:
        await raw.send(make(a))
        await one.until(lambda: one.over)
    assert isinstance(one.ended, ProtocolError)


def test_small_content_is_compared_with_its_key() -> None:  # I11
    right = Key(b"SHA256-s1--2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881")
    assert matches(right, b"x")
    assert not matches(right, b"y")
    assert not matches(Key(b"WORM-s1-m1--x"), b"x"), "nobody can tell"
