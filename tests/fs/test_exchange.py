import os
from collections.abc import Callable
from pathlib import Path

import pytest

from instep.fs.exchange import exchange, exchange_by_links


@pytest.mark.parametrize("way", [exchange, exchange_by_links])
def test_both_names_change_hands(tmp_path: Path, way: Callable[[int, bytes, int, bytes], None]) -> None:
    (tmp_path / "aside").mkdir()
    (tmp_path / "aside" / "new").write_bytes(b"new")
    (tmp_path / "file").write_bytes(b"old")
    aside_fd, dir_fd = (os.open(path, os.O_PATH) for path in (tmp_path / "aside", tmp_path))
    way(aside_fd, b"new", dir_fd, b"file")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert (tmp_path / "aside" / "new").read_bytes() == b"old"
    assert os.listdir(tmp_path / "aside") == ["new"]
    with pytest.raises(FileNotFoundError):
        way(aside_fd, b"new", dir_fd, b"nothing")
    assert os.listdir(tmp_path / "aside") == ["new"]
