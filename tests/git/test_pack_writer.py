"""Packs made without git, as git reads them."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instep.core.types import SHA1, SHA256, Object, ObjectFormat, Oid
from instep.git import pack_writer
from instep.git.pack_writer import make_pack, make_packs
from tests.conftest import GitRunner


def _blobs(contents: set[bytes], fmt: ObjectFormat) -> list[tuple[Oid, Object]]:
    return [(fmt.hash(b"blob", data), Object(b"blob", data)) for data in contents]


def _place(folder: Path, pack: pack_writer.Pack) -> Path:
    target = folder / ".git/objects/pack" / pack.name.decode()
    target.with_suffix(".pack").write_bytes(pack.data)
    target.with_suffix(".idx").write_bytes(pack.index_data)
    return target.with_suffix(".idx")


@settings(max_examples=12)
@given(contents=st.sets(st.binary(max_size=5000) | st.integers(0, 70000).map(bytes), min_size=1, max_size=30))
@pytest.mark.parametrize("fmt", [SHA1, SHA256], ids=lambda fmt: fmt.name)
def test_git_reads_it(
    git: GitRunner,
    fmt: ObjectFormat,
    contents: set[bytes],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("pack")
    git(folder, "init", "-q", f"--object-format={fmt.name}", ".")
    objects = _blobs(contents, fmt)
    index = _place(folder, make_pack(objects, fmt))
    git(folder, "verify-pack", str(index))
    asked = "".join(oid.hex() + "\n" for oid, _ in objects).encode()
    expected = b"".join(b"%b blob %d\n%b\n" % (oid.hex().encode(), len(i.data), i.data) for oid, i in objects)
    assert git(folder, "cat-file", "--batch", input=asked) == expected


def test_large_bursts_are_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_writer, "MOST_BYTES", 100)
    objects = _blobs({bytes([number]) * 40 for number in range(9)} | {b"x" * 500}, SHA1)
    packs = list(make_packs(objects, SHA1))
    assert 5 <= len(packs) <= 7
    assert len({pack.name for pack in packs}) == len(packs)
    assert list(make_packs([], SHA1)) == []
