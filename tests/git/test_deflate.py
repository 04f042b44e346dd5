"""What is packed is a zlib stream like any other, to Python's zlib and to git."""

import os
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instep.core.types import SHA1
from instep.git.deflate import deflated
from tests.conftest import run_git

SIZES = (0, 1, 255, 256, 257, 2047, 2048, 4096, 8192, 8193, 65_535, 65_536, 200_000)


@given(st.binary(max_size=5000))
def test_it_inflates_to_what_it_was(data: bytes) -> None:
    assert zlib.decompress(deflated(data)) == data


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("source", ["text", "zeros", "random"])
def test_git_reads_it(size: int, source: str, tmp_path: Path) -> None:
    data = {"text": b"a line of text\n" * (size // 15 + 1), "zeros": bytes(size), "random": os.urandom(size)}
    content = data[source][:size]
    run_git(tmp_path, "init", "-q")
    oid = SHA1.hash(b"blob", content).hex()
    place = tmp_path / ".git/objects" / oid[:2] / oid[2:]
    place.parent.mkdir()
    place.write_bytes(deflated(b"blob %d\0" % size + content))
    assert run_git(tmp_path, "cat-file", "blob", oid) == content
    run_git(tmp_path, "fsck", "--strict")


def test_text_gets_smaller_and_what_is_dense_hardly_larger() -> None:
    assert len(deflated(b"a line of text\n" * 1000)) < 1000
    assert len(deflated(os.urandom(100_000))) < 100_050
    assert len(deflated(os.urandom(100_000).hex().encode())) < 130_000, "hexadecimal digits are not dense"
