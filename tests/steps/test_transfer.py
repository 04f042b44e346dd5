"""Content comes to where it is wanted: whole and verified, from where it was cut, from whoever has it."""

import os

import anyio
import pytest

from instep.core.keys import make_key
from instep.core.types import MODE_EXEC, MODE_FILE, Change, Entry, Key, RelPath
from instep.remotes.errors import ProtocolError
from instep.remotes.frames import Cancel, Content, Frame, NoContent, Want
from instep.steps.download import PARTS, WINDOW_BYTES
from instep.steps.transfer import SMALL_AT_ONCE
from instep.steps.upload import PIECE_BYTES
from tests.remotes.pairs import Raw
from tests.remotes.samples import OID
from tests.steps.side import Side, big, p
from tests.steps.talk import Desk, stranger, talking

pytestmark = pytest.mark.anyio

ABSENT = make_key("SHA256E", 3, "0" * 64)


def stored(side: Side, data: bytes) -> Key:
    """The key of content that the side has."""
    side.save("film.bin", data)
    return side.key("film.bin")


async def wanted(raw: Raw) -> Want:
    """The next thing that is asked for."""
    while not isinstance(frame := await raw.receive(), Want):
        pass
    return frame


async def test_what_is_wanted_comes(a: Side, b: Side) -> None:  # I11
    data = os.urandom(PIECE_BYTES * 2 + 17)
    key = stored(a, data)
    one, two = Desk(a), Desk(b)
    async with talking(one, two):
        two.transfer.want({key: {p("film.bin")}})
        await two.until(lambda: bool(two.landed))
    assert two.landed == [(key, {p("film.bin")})]
    with b.state.store.open(key) as file:
        assert file.read() == data
    assert (two.transfer.missing, os.listdir(b.folder / ".git/annex/tmp")) == (0, [])
    assert b.board.transfers, "one could watch it"


async def test_what_is_only_executable_now_is_waited_for_still(a: Side) -> None:  # I7 I29
    one = Desk(a)
    film, entry = p("film.bin"), Entry(MODE_FILE, OID)
    one.transfer.want({ABSENT: {film}})
    one.transfer.changed([Change(film, entry, Entry(MODE_EXEC, OID))])
    assert one.transfer.missing_paths == [film]
    one.transfer.changed([Change(film, Entry(MODE_EXEC, OID), None)])
    assert one.transfer.missing_paths == []


async def test_a_large_file_comes_after_its_commit(a: Side, b: Side) -> None:  # I7
    stored(a, b"x" * (2 << 20))
    one, two = Desk(a), Desk(b)
    async with talking(one, two):
        await two.until(lambda: bool(two.landed) and one.in_step(two))
    assert b.files() == a.files()
    assert b.commit().commit is None  # I4


async def test_small_ones_first_and_not_all_at_once(a: Side) -> None:
    one = Desk(a)
    keys = [make_key("SHA256E", size, f"{size:064}") for size in range(20, 0, -1)]
    async with stranger(one) as raw:
        one.transfer.want({key: set[RelPath]() for key in keys})
        asked = [await wanted(raw) for _ in range(SMALL_AT_ONCE)]
        smallest = sorted(keys, key=lambda k: int(k.split(b"-")[1][1:]))
        assert {want.key for want in asked} == set(smallest[:SMALL_AT_ONCE])
        await raw.send(NoContent(asked[0].id, "not here"))
        assert (await wanted(raw)).key == keys[-SMALL_AT_ONCE - 1]


async def test_what_was_cut_goes_on_where_it_was(a: Side, b: Side) -> None:
    data = os.urandom(5000)
    key = stored(b, data)
    one = Desk(a)
    one.transfer.want({key: {p("film.bin")}})
    async with stranger(one) as raw:
        want = await wanted(raw)
        await raw.send(Content(want.id, 0, len(data), data[:3000]))
        await one.until(lambda: bool(a.board.transfers))
    assert not a.state.store.has(key)
    async with stranger(one) as raw:
        want = await wanted(raw)
        assert want.offset == 3000
        await raw.send(Content(want.id, 3000, len(data), data[3000:], True))
        await one.until(lambda: bool(one.landed))
    with a.state.store.open(key) as file:
        assert file.read() == data


async def test_wrong_content_is_refused_and_asked_of_others(a: Side, b: Side) -> None:  # I11
    data = big("film")
    key = stored(b, data)
    one = Desk(a)
    one.transfer.want({key: {p("film.bin")}})
    async with stranger(one) as raw:
        want = await wanted(raw)
        await raw.send(Content(want.id, 0, len(data), b"x" * len(data), True))
        await one.until(lambda: bool(a.board.conditions))
        assert not a.state.store.has(key)
        await one.until(lambda: os.listdir(a.folder / ".git/annex/tmp") == [])
    assert [code for code, _ in a.board.conditions] == ["content-corrupt"]
    assert (one.landed, one.transfer.missing) == ([], 1)
    async with talking(Desk(b), one):
        await one.until(lambda: bool(one.landed))
    assert not a.board.conditions


async def test_who_lacks_it_is_asked_again_when_it_says_so(a: Side) -> None:
    one = Desk(a)
    one.transfer.want({ABSENT: {p("x")}})
    async with stranger(one) as raw:
        await raw.send(NoContent((await wanted(raw)).id, "not here"))
        await one.until(lambda: not one.transfer._downloads)  # pyright: ignore[reportPrivateUsage]
        one.transfer.offered("there")
        assert (await wanted(raw)).key == ABSENT


async def test_what_nobody_has_is_said(a: Side, b: Side) -> None:
    one, two = Desk(a), Desk(b)
    async with stranger(one) as raw:
        await raw.send(Want(7, ABSENT))
        while not isinstance(frame := await raw.receive(), NoContent):
            pass
        assert frame.id == 7
    assert two.landed == []


async def test_what_is_asked_before_anybody_answers_is_answered(a: Side) -> None:  # I13 I29
    key = stored(a, big("film"))
    one = Desk(a)
    one.serving = anyio.Event()
    async with stranger(one) as raw:
        for want in (Want(1, key), Want(2, key), Cancel(2)):
            await raw.send(want)
        await one.until(lambda: len(one.asked) == 3)
        one.serving.set()
        assert (await content(raw)).id == 1


@pytest.mark.parametrize(("offset", "limit", "expected"), [(0, 5, 5), (1990, 100, 14), (5000, 100, 0)])
async def test_a_part_is_sent_where_a_part_is_wanted(a: Side, offset: int, limit: int, expected: int) -> None:
    data = big("film")
    key = stored(a, data)
    one = Desk(a)
    async with stranger(one) as raw:
        await raw.send(Want(1, key, offset, limit))
        while not isinstance(frame := await raw.receive(), Content):
            pass
    assert (frame.data, frame.last) == (data[offset : offset + expected], True)
    assert frame.total == len(data)


async def test_pieces_out_of_order_end_the_link_with_a_sentence(a: Side) -> None:  # I25
    one = Desk(a)
    one.transfer.want({ABSENT: {p("x")}})
    async with stranger(one) as raw:
        frame: Frame = Content((await wanted(raw)).id, 1, 3, b"x")
        await raw.send(frame)
        await one.until(lambda: one.over)
    assert type(one.ended).__name__ == "ProtocolError"


async def test_what_came_another_way_lands_too_while_it_is_asked_for(a: Side) -> None:
    one = Desk(a)
    one.transfer.want({ABSENT: {p("x")}})
    async with stranger(one) as raw:
        want = await wanted(raw)
        one.transfer.have([ABSENT])
        assert one.landed == [(ABSENT, {p("x")})]
        await raw.send(NoContent(want.id, "not here"))
        await one.until(lambda: one.transfer.missing == 0)


async def test_a_disk_that_refused_is_tried_again(a: Side) -> None:  # I26
    one = Desk(a)
    one.transfer.want({ABSENT: {p("x")}})
    tmp = a.folder / ".git/annex/tmp"
    tmp.rmdir() if tmp.is_dir() else None
    tmp.write_bytes(b"in the way")
    with pytest.raises(ExceptionGroup):
        async with stranger(one):
            await one.until(lambda: one.over)
    tmp.unlink()
    async with stranger(one) as raw:
        assert (await wanted(raw)).key == ABSENT


async def test_a_small_want_is_answered_in_the_middle_of_a_large_one(a: Side) -> None:
    film, note = stored(a, os.urandom(20 << 20)), stored(a, big("note"))
    async with stranger(Desk(a)) as raw:
        await raw.send(Want(1, film))
        assert isinstance(await content(raw), Content)
        await raw.send(Want(2, note))
        while (frame := await content(raw)).id != 2:
            assert not frame.last, "the whole film went first"


@pytest.mark.parametrize("jobs", [1, 3])
async def test_small_content_is_asked_for_while_large_ones_come(a: Side, b: Side, jobs: int) -> None:
    if jobs != 1:
        a.git("config", "annex.jobs", str(jobs))
        a.state.repo.config.reload()
    note = big("note")
    key = stored(b, note)
    films = [make_key("SHA256E", (1 << 30) + n, f"{n:064}") for n in range(10)]
    one = Desk(a)
    async with stranger(one) as raw:
        one.transfer.want({film: {p(f"film{n}")} for n, film in enumerate(films)})
        asked = [await wanted(raw) for _ in range(jobs * PARTS)]
        assert {want.key for want in asked} == set(films[:jobs])
        assert all(want.limit_bytes == WINDOW_BYTES for want in asked), "no more than there is room for"
        await raw.send(Content(asked[0].id, asked[0].offset, 1 << 30, bytes(1 << 20)))
        one.transfer.want({key: {p("note")}})  # and no further film
        want = await wanted(raw)
        await raw.send(Content(want.id, 0, len(note), note, True))
        await one.until(lambda: bool(one.landed))
    assert one.landed == [(key, {p("note")})]


async def test_parts_of_a_content_are_shown_as_one_by_the_name_that_it_is_wanted_for(a: Side) -> None:  # I29
    film = stored(a, os.urandom(8 << 20))
    async with stranger(Desk(a)) as raw:
        for number in range(2):
            await raw.send(Want(number, film, number << 22, 1 << 22, path=b"home/film\x1b.mkv"))
        last = 0
        while last < 2:
            last += (await content(raw)).last
    [(path, done_bytes, total_bytes)] = a.board.transfers.values()
    assert (path, total_bytes) == ("home/film?.mkv", 8 << 20)
    assert 6 << 20 <= done_bytes <= 8 << 20


@pytest.mark.parametrize("key", [b"\0", b"../../config", b"SHA256E-s1"])
async def test_what_is_no_key_is_not_looked_for(a: Side, key: bytes) -> None:  # I25
    one = Desk(a)
    async with stranger(one) as raw:
        await raw.send(Want(1, Key(key)))
        await one.until(lambda: one.over)
    assert isinstance(one.ended, ProtocolError)


async def test_a_limited_giver_sends_small_pieces_and_keeps_its_pace(a: Side) -> None:  # I22
    film = stored(a, os.urandom(4 << 20))
    async with stranger(Desk(a)) as raw:
        await raw.send(Want(1, film, 0, 1 << 20))
        while not (piece := await content(raw)).last:
            assert len(piece.data) > 1 << 17, "nothing is limited"
        a.git("config", "annex.bwlimit-upload", "1 MiB")
        a.state.repo.config.reload()
        began_s = anyio.current_time()
        await raw.send(Want(2, film, 1 << 20, 1 << 19))
        pieces = [await content(raw) for _ in range(4)]
    assert {len(piece.data) for piece in pieces} == {1 << 17}
    assert anyio.current_time() - began_s >= 3 / 8


async def test_a_limited_receiver_asks_for_little_at_a_time_and_keeps_its_pace(a: Side) -> None:
    a.git("config", "annex.bwlimit", "8 MiB")
    a.state.repo.config.reload()
    one = Desk(a)
    async with stranger(one) as raw:
        one.transfer.want({make_key("SHA256E", 1 << 30, "1" * 64): {p("film")}})
        began_s = anyio.current_time()
        asked = [await wanted(raw) for _ in range(PARTS)]
        assert [want.limit_bytes for want in asked] == [1 << 20] * PARTS
        assert anyio.current_time() - began_s >= (PARTS - 1) / 8


async def test_parts_may_come_mixed(a: Side, b: Side) -> None:
    data = os.urandom(2 * WINDOW_BYTES + 5)
    key = stored(b, data)
    one = Desk(a)
    one.transfer.want({key: {p("film.bin")}})
    async with stranger(one) as raw:
        first, second = await wanted(raw), await wanted(raw)
        half = WINDOW_BYTES // 2

        async def send(want: Want, start: int, end: int) -> None:
            for at in range(start, end, 1 << 20):
                piece = data[at : min(at + (1 << 20), end)]
                await raw.send(
                    Content(want.id, at, len(data), piece, at + len(piece) == want.offset + WINDOW_BYTES)
                )

        await send(first, 0, half)
        await send(second, WINDOW_BYTES, 2 * WINDOW_BYTES)
        await send(first, half, WINDOW_BYTES)
        third = await wanted(raw)
        await raw.send(Content(third.id, third.offset, len(data), data[third.offset :], True))
        await one.until(lambda: a.state.store.has(key))


async def content(raw: Raw) -> Content:
    """The next piece that comes."""
    while not isinstance(frame := await raw.read(), Content):
        pass
    return frame
