import os
from pathlib import Path

import pytest

from instep.fs.copying import copy_content


@pytest.mark.parametrize("size", [0, 5, (1 << 20) + 7])
def test_copies_all_whatever_the_offset(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "a").write_bytes(content)
    with (tmp_path / "a").open("rb", buffering=0) as src, (tmp_path / "b").open("wb") as dst:
        src.read(3)
        copy_content(src.fileno(), dst.fileno())
    assert (tmp_path / "b").read_bytes() == content


def test_copies_what_the_kernel_will_not(tmp_path: Path) -> None:
    """procfs knows neither sizes nor copy_file_range."""
    with open("/proc/self/limits", "rb") as src, (tmp_path / "b").open("wb") as dst:
        copy_content(src.fileno(), dst.fileno())
    assert (tmp_path / "b").read_bytes() == Path("/proc/self/limits").read_bytes()
