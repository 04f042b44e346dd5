"""core/variant.py: git-annex's own names, as seen in section 6 of the formats reference."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instep.core.variant import NAME_BYTES, variant, variants
from tests.core.trees import path, paths

KEY = b"SHA256E-s5--2c46.txt"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("f.txt", "f.variant-%s.txt"),
        ("d/noext", "d/noext.variant-%s"),
        ("d.e/noext", "d.e/noext.variant-%s"),
        ("d/a.tar.gz", "d/a.tar.variant-%s.gz"),
        (".hidden", ".variant-%s.hidden"),
        ("end.", "end.variant-%s."),
    ],
)
def test_the_short_form(name: str, expected: str) -> None:
    assert variant(path(name), b"") == path(expected % "d41d")


def test_the_long_form_where_the_path_is_a_variant_already() -> None:
    """A directory's name counts, and the key is written as git-annex writes it in file names."""
    long = path("z.variant-1234.variant-SHA256E-s5--2c46.txt.txt")
    assert variant(path("z.variant-1234.txt"), KEY) == long
    assert variant(path("d.variant-1/f"), b"URL--a:b/c") == path("d.variant-1/f.variant-URL--a&cb%c")


def test_more_names_when_those_are_taken() -> None:
    first = list(islice(variants(path("f.txt"), KEY), 4))
    short = variant(path("f.txt"), KEY)
    long = [path(f"f.variant-SHA256E-s5--2c46.txt{ordinal}.txt") for ordinal in ("", "-2", "-3")]
    assert first == [short, *long]
    assert next(variants(path("z.variant-1.txt"), KEY)) == variant(path("z.variant-1.txt"), KEY)


@given(paths, st.binary(min_size=1, max_size=300), st.integers(0, 260))
def test_every_name_fits_and_all_differ(name: bytes, key: bytes, length: int) -> None:
    names = list(islice(variants(path(name + b"x" * length + b".ext"), key.replace(b"\0", b"")), 5))
    assert len(set(names)) == 5
    for each in names:
        assert len(each.rpartition(b"/")[2]) <= NAME_BYTES
        assert each.rpartition(b"/")[0] == name.rpartition(b"/")[0]


def test_a_cut_leaves_no_half_character() -> None:
    name = variant(path("x" + "é" * 125 + ".txt"), KEY)
    assert name.decode().startswith("x" + "é" * 118 + ".variant-")
    assert len(name) == NAME_BYTES - 1


def test_an_extension_that_leaves_no_room() -> None:
    assert len(variant(path("a." + "x" * 250), KEY)) <= NAME_BYTES
