"""I8: which waves of deletions a person is asked about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instep.core.gate import files_to_count, is_in_question, is_mass_deletion, is_mostly_moved


@pytest.mark.parametrize(
    ("deletions", "files", "asked"),
    [
        (1, 1, False),
        (19, 19, False),
        (20, 20, True),  # emptied
        (20, 22, True),  # but for what came meanwhile
        (20, 23, False),
        (99, 111, False),
        (100, 199, True),  # most of it
        (100, 200, False),
        (200, 1000, False),  # rm -r of a directory among many
        (50_000, 100_000, False),
        (50_001, 100_000, True),
    ],
)
def test_most_of_many_or_nearly_all_of_some(deletions: int, files: int, asked: bool) -> None:
    assert is_mass_deletion(deletions, files) is asked


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_whatever_is_held_was_seen_as_a_whole_first(deletions: int, left: int) -> None:
    files = deletions + left
    counted = min(files, files_to_count(deletions))
    assert is_in_question(deletions, counted) == is_in_question(deletions, files)
    if is_mass_deletion(deletions, files):
        assert is_in_question(deletions, files)


@pytest.mark.parametrize(("lost", "held", "moved"), [(0, 20, True), (3, 30, True), (4, 30, False)])
def test_what_is_held_was_moved_when_little_of_it_is_lost(lost: int, held: int, moved: bool) -> None:
    assert is_mostly_moved(lost, held) is moved
