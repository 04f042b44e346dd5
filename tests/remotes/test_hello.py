"""Whether two sides can talk: both come to the same end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instep.remotes.errors import Incompatible, LinkError, OtherFormat, SamePeer
from instep.remotes.hello import Agreement, is_kept, negotiate
from tests.remotes.samples import hello

A, B = "11111111-aaaa", "22222222-bbbb"

spans = st.tuples(st.integers(1, 9), st.integers(1, 9)).map(sorted)


@given(spans, spans)
def test_the_version_is_the_highest_common_one(ours: list[int], theirs: list[int]) -> None:
    a = hello(A, oldest=ours[0], protocol=ours[1])
    b = hello(B, oldest=theirs[0], protocol=theirs[1])
    common = set(range(ours[0], ours[1] + 1)) & set(range(theirs[0], theirs[1] + 1))
    for one, other in ((a, b), (b, a)):
        if common:
            assert negotiate(one, other).protocol == max(common)
        else:
            with pytest.raises(Incompatible):
                negotiate(one, other)


def test_the_refusal_names_both_versions() -> None:
    with pytest.raises(Incompatible) as caught:
        negotiate(hello(A, software="instep 0.1"), hello(B, software="instep 7.0", oldest=4, protocol=6))
    assert str(caught.value) == (
        "instep 7.0 speaks link protocol versions 4 to 6, instep 0.1 here speaks version 1."
    )
    assert caught.value.fix


def test_features_that_only_one_side_has_are_ignored() -> None:
    agreement = negotiate(hello(A, features=("x", "y")), hello(B, features=("y", "from the future")))
    assert agreement == Agreement(1, frozenset({"y"}))


def test_oneself_is_refused() -> None:
    with pytest.raises(SamePeer, match=A):
        negotiate(hello(A), hello(A, software="the same"))


def test_another_object_format_is_refused() -> None:
    with pytest.raises(OtherFormat, match="sha256 there, sha1 here") as caught:
        negotiate(hello(A), hello(B, object_format="sha256"))
    assert isinstance(caught.value, LinkError)


@given(st.sampled_from([(A, B), (B, A)]), st.booleans())
def test_both_sides_keep_the_same_one_of_two_links(uuids: tuple[str, str], dialled: bool) -> None:
    ours, theirs = uuids
    here = is_kept(ours, theirs, dialled=dialled)
    assert here == is_kept(theirs, ours, dialled=not dialled)
    assert here != is_kept(ours, theirs, dialled=not dialled)
