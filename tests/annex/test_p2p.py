"""What git-annex's server answers; talking with a real one is in tests/system/test_stock_peers.py."""

import pytest

from instep.annex.p2p import put_from


def test_where_a_content_is_to_begin() -> None:
    assert put_from(b"PUT-FROM 0") == 0
    assert put_from(b"PUT-FROM 123456789012") == 123456789012


@pytest.mark.parametrize(
    "answer", [b"", b"PUT-FROM", b"PUT-FROM ", b"PUT-FROM -1", b"PUT-FROM x", b"PUT-FROM 1 2", b"ERROR no"]
)
def test_anything_else_is_no_place_to_begin(answer: bytes) -> None:
    assert put_from(answer) is None
