"""A partial file: git-annex's own, gone on with where it ends, and the key's content only when verified."""

import hashlib
import os
from pathlib import Path

import pytest

from instep.annex.incoming import IncomingContent, TakenInElsewhere
from instep.core.keys import key_file, make_key
from instep.core.types import Key
from tests.steps.side import big

DATA = big("film")


def key_of(data: bytes) -> Key:
    return make_key("SHA256E", len(data), hashlib.sha256(data).hexdigest())


def opened(annex: Path, key: Key) -> IncomingContent:
    return IncomingContent(bytes(annex), key)


def test_it_is_verified_as_a_whole(tmp_path: Path) -> None:  # I11
    key = key_of(DATA)
    first = opened(tmp_path, key)
    first.write(DATA[:10])
    first.close()
    with open(first.path, "r+b") as file:  # what lay on the disk went bad
        file.write(b"?")
    second = opened(tmp_path, key)
    second.resume()
    assert second.offset == 10
    second.write(DATA[10:])
    assert not second.finish()
    second.close()
    assert not os.path.exists(second.path)


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    key = key_of(DATA)
    first = opened(tmp_path, key)
    first.write(DATA[:1001])
    first.close()
    assert first.path == bytes(tmp_path / "tmp" / os.fsdecode(key_file(key)))
    second = opened(tmp_path, key)
    second.resume()
    assert second.offset == 1001
    second.write(DATA[1001:])
    assert second.finish()
    second.close()
    assert Path(os.fsdecode(second.path)).read_bytes() == DATA


def test_what_is_longer_than_the_key_is_begun_again(tmp_path: Path) -> None:
    key = key_of(DATA)
    first = opened(tmp_path, key)
    first.write(DATA + b"more")
    first.close()
    second = opened(tmp_path, key)
    second.resume()
    assert second.offset == 0
    second.write(DATA)
    assert second.finish()
    second.close()


def test_zeros_take_no_space(tmp_path: Path) -> None:
    data = os.urandom(4096) + bytes(16 << 20)
    key = key_of(data)
    coming = opened(tmp_path, key)
    for at in range(0, len(data), 1 << 20):
        coming.write(data[at : at + (1 << 20)])
    assert coming.finish()
    coming.close()
    assert os.stat(coming.path).st_blocks * 512 < 2 << 20
    assert Path(os.fsdecode(coming.path)).read_bytes() == data


def test_one_at_a_time(tmp_path: Path) -> None:
    key = key_of(DATA)
    first = opened(tmp_path, key)
    with pytest.raises(TakenInElsewhere):
        opened(tmp_path, key)
    first.close()
    opened(tmp_path, key).close()
    assert os.listdir(tmp_path / "transfer/download/lck") == []
