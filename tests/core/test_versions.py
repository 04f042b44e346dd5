"""core/versions.py: symmetric for any two versions, and nothing falls between path and aside."""

from hypothesis import given
from hypothesis import strategies as st

from instep.core.types import MODE_EXEC, MODE_LINK, Entry, Oid
from instep.core.versions import body, settle
from tests.core.trees import KEYS, LINKS, POINTERS, entries, file, key_of, no_text_merge, text_merge


@given(st.none() | entries, entries, entries, st.booleans())
def test_symmetric(base: Entry | None, one: Entry, two: Entry, lines: bool) -> None:
    """I14"""
    merge = text_merge if lines else no_text_merge
    assert settle(base, one, two, key_of, merge) == settle(base, two, one, key_of, merge)


@given(st.none() | entries, entries, entries)
def test_nothing_is_dropped(base: Entry | None, one: Entry, two: Entry) -> None:
    """I1: each version that is new, by content, keeps the path or is set aside."""
    settled = settle(base, one, two, key_of, no_text_merge)
    left = {content(entry) for entry in (settled.entry, *settled.aside) if entry}
    for mine in (one, two):
        if base is None or content(mine) != content(base):
            assert content(mine) in left
    assert bool(settled.aside) <= (settled.kind is not None)
    assert settled.entry or settled.aside


@given(st.none() | entries, entries)
def test_the_same_or_untouched(base: Entry | None, version: Entry) -> None:
    assert settle(base, version, version, key_of, text_merge) == (version, (), None)
    if base is not None:
        assert settle(base, base, version, key_of, text_merge) == (version, (), None)


@given(st.none() | entries, entries, entries)
def test_settling_again_gives_the_same(base: Entry | None, one: Entry, two: Entry) -> None:
    """I13"""
    entry = settle(base, one, two, key_of, text_merge).entry
    if entry is not None:
        assert settle(base, entry, one, key_of, text_merge).entry == entry
        assert settle(base, entry, two, key_of, text_merge).entry == entry


def test_text_is_handed_over_in_order_of_id() -> None:
    calls: list[tuple[Oid | None, Oid, Oid]] = []

    def merge(base: Oid | None, one: Oid, two: Oid) -> None:
        calls.append((base, one, two))

    base, one, two = file("1"), file("3"), file("5")
    settle(base, one, two, key_of, merge)
    settle(base, two, one, key_of, merge)
    assert calls == [(base.oid, *sorted((one.oid, two.oid)))] * 2


def test_a_link_is_never_merged_by_line() -> None:
    base, one, two = (Entry(MODE_LINK, file(text).oid) for text in "135")
    assert settle(base, one, two, key_of, text_merge).entry is None


def test_an_executable_pointer_stays_executable() -> None:
    pointer = Entry(MODE_EXEC, POINTERS[KEYS[0]].oid)
    assert settle(None, LINKS[KEYS[0]], pointer, key_of, text_merge).entry == pointer
    edited = settle(POINTERS[KEYS[0]], pointer, POINTERS[KEYS[1]], key_of, text_merge).entry
    assert edited == Entry(MODE_EXEC, POINTERS[KEYS[1]].oid)


def content(entry: Entry) -> object:
    return key_of(entry) or body(entry)
