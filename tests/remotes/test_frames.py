"""Frames: lanes, limits, splitting, and text that a stranger wrote."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instep.core.types import Key, Object, Oid
from instep.remotes import frames
from instep.remotes.frames import (
    Bye,
    Frame,
    Heads,
    Item,
    Lane,
    Move,
    Moved,
    NeedPack,
    Objects,
    ObjectTooLarge,
    RefMove,
    lane_of,
    oids_of,
    split_inline,
    split_objects,
)  # fmt: skip
from tests.remotes.samples import KEY, SAMPLES


def test_there_is_a_sample_of_every_frame() -> None:
    assert {type(sample) for sample in SAMPLES} == set(get_args(Frame))


def test_what_a_move_needs_shares_its_lane() -> None:
    lanes = {type(sample).__name__: lane_of(sample) for sample in SAMPLES}
    history = {name for name, lane in lanes.items() if lane is Lane.HISTORY}
    assert history == {"Objects", "Inline", "Pack", "Move"}
    assert [name for name, lane in lanes.items() if lane is Lane.CONTENT] == ["Content"]


def test_object_ids_are_found_in_every_frame_that_names_some() -> None:
    a, b, c = (Oid(bytes([n]) * 20) for n in range(3))
    assert list(oids_of(Heads("main", a, b))) == [a, b]
    assert list(oids_of(Heads("main", None, b))) == [b]
    assert sorted(oids_of(Move(1, (RefMove("r", None, a), RefMove("s", b, c))))) == [a, b, c]
    assert list(oids_of(NeedPack(1, (a, c)))) == [a, c]
    assert list(oids_of(Bye())) == []


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(1, 60))
def test_splitting_keeps_order_and_size(sizes: list[int], target_bytes: int) -> None:
    objects = [Object(b"blob", bytes([n % 256]) * size) for n, size in enumerate(sizes)]
    made = split_objects(objects, target_bytes)
    assert [item for frame in made for item in frame.items] == objects
    for frame in made:
        assert len(frame.items) == 1 or sum(len(item.data) for item in frame.items) <= target_bytes
    contents = [Item(KEY, item.data) for item in objects]
    assert [item for frame in split_inline(contents, target_bytes) for item in frame.items] == contents


def test_a_frame_never_holds_too_many_objects() -> None:
    empty = [Object(b"blob", b"")] * (frames.MAX_OBJECTS + 1)
    assert [len(frame.items) for frame in split_objects(empty)] == [frames.MAX_OBJECTS, 1]
    keys = [Item(Key(b"K"), b"")] * (frames.MAX_INLINE + 1)
    assert [len(frame.items) for frame in split_inline(keys)] == [frames.MAX_INLINE, 1]


def test_what_fits_into_no_frame_is_refused_before_any_is_made() -> None:
    large = b"x" * (frames.MAX_OBJECT_BYTES + 1)
    with pytest.raises(ObjectTooLarge):
        split_objects([Object(b"blob", b"small"), Object(b"blob", large)])
    with pytest.raises(ObjectTooLarge):
        split_inline([Item(KEY, large)])


def test_objects_are_of_a_kind_that_git_has() -> None:
    with pytest.raises(ValueError, match="kind"):
        Objects((Object(b"evil", b""),))


@given(st.text(max_size=700))
def test_text_for_people_is_one_printable_line(text: str) -> None:
    for said in (Bye(text).reason, Moved(1, "failed", text).reason):
        assert said.isprintable()
        assert len(said) <= frames.MAX_TEXT
        if text.isprintable():
            assert said == text[: frames.MAX_TEXT]


def test_escape_sequences_and_odd_bytes_are_taken_out() -> None:
    assert Bye("a\x1b[31mred\nb\udcff").reason == "a?[31mred b?"
