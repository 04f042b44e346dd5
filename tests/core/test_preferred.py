"""What a repository wants; the differential test against git-annex is tests/annex/test_repositories.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instep.core.expressions import MalformedExpression, UnknownTerm
from instep.core.preferred import Content, Repositories, Trust, Wants, preferred, required
from instep.core.types import Key, RelPath, RemoteUuid

HERE, THERE, AWAY = RemoteUuid("here"), RemoteUuid("there"), RemoteUuid("away")
KEY = Key(b"SHA256E-s1000--8f43.iso")


def wants(expression: str, content: Content, repositories: Repositories | None = None) -> bool:
    return Wants(expression, HERE, repositories or Repositories()).wants(content)


def test_who_said_nothing_has_no_expression() -> None:
    known = Repositories(wanted={THERE: "anything"}, required={THERE: "include=a"})
    assert preferred(known, HERE) is None
    assert required(known, HERE) is None
    assert preferred(known, THERE) is not None
    assert required(known, THERE) is not None


def test_content_without_a_name_is_neither_included_nor_excluded() -> None:
    nameless = Content(KEY, None)
    assert not wants("include=*", nameless)
    assert not wants("exclude=*.txt", nameless)
    assert not wants("inpreferreddir", nameless)


def test_content_of_unknown_size_is_neither_larger_nor_smaller() -> None:
    unsized = Content(Key(b"URL--x"), RelPath(b"a"))
    assert not wants("largerthan=0", unsized)
    assert not wants("smallerthan=1gb", unsized)


def test_attributes_ask_for_more_copies_than_the_branch() -> None:
    content = Content(KEY, RelPath(b"a"), frozenset({THERE}), numcopies=3)
    assert wants("lackingcopies=2", content)
    assert not wants("approxlackingcopies=1", content)


def test_a_copy_that_would_go_is_not_counted_but_present() -> None:
    content = Content(KEY, RelPath(b"a"), frozenset({HERE}))
    assert not Wants("copies=1", HERE, Repositories()).keeps(content)
    assert Wants("copies=1", HERE, Repositories()).wants(content)
    assert Wants("present", HERE, Repositories()).keeps(content)


@pytest.mark.parametrize(
    "expression", ["not present", "anything or not (include=a and present)", "not standard"]
)
def test_what_would_come_and_go_for_ever_is_not_wanted(expression: str) -> None:
    assert not wants(expression, Content(KEY, RelPath(b"a")))
    assert not wants(expression, Content(KEY, RelPath(b"a"), frozenset({HERE})))
    assert wants("anything or not (not (present))", Content(KEY, RelPath(b"a")))


def test_no_group_to_ask_wants_what_is_present() -> None:
    for expression in ("standard", "groupwanted"):
        assert not wants(expression, Content(KEY, RelPath(b"a")))
        assert wants(expression, Content(KEY, RelPath(b"a"), frozenset({HERE})))


def test_a_dead_repository_has_nothing() -> None:
    known = Repositories(trust={AWAY: Trust.DEAD})
    assert not wants("copies=1", Content(KEY, RelPath(b"a"), frozenset({AWAY})), known)


def test_only_an_expression_about_copies_needs_to_know_who_has_it() -> None:
    assert not Wants("include=a or largerthan=1", HERE, Repositories()).needs_locations
    assert Wants("include=a or copies=1", HERE, Repositories()).needs_locations
    client = Repositories(groups={HERE: frozenset({"client"})})
    assert Wants("standard", HERE, client).needs_locations


def test_a_group_expression_that_refers_to_itself_is_refused() -> None:
    known = Repositories(groups={HERE: frozenset({"g"})}, group_wanted={"g": "not groupwanted"})
    with pytest.raises(MalformedExpression, match="itself"):
        Wants("groupwanted", HERE, known)


@pytest.mark.parametrize(
    "term",
    [
        "balanced=g",
        "fullybalanced=g:2",
        "sizebalanced=g",
        "unused",
        "in=here",
        "metadata=a=b",
        "locked",
        "copies=x",
    ],
)
def test_what_is_not_understood_is_said_and_never_guessed(term: str) -> None:
    with pytest.raises(UnknownTerm) as caught:
        Wants(f"anything or {term}", HERE, Repositories())
    assert caught.value.term == term


@given(st.text(max_size=60), st.frozensets(st.sampled_from([HERE, THERE, AWAY])))
def test_any_text_is_answered_or_refused(expression: str, there: frozenset[RemoteUuid]) -> None:
    try:
        asked = Wants(expression, HERE, Repositories())
    except MalformedExpression:
        return
    assert isinstance(asked.wants(Content(KEY, RelPath(b"a"), there)), bool)
