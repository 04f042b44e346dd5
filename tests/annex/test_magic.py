"""libmagic, as git-annex asks it."""

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from instep.annex.magic import Magic, find_magic, mime_of, parse
from instep.core.types import RelPath
from instep.git.repository import Repository
from tests.annex.conftest import AnnexRunner
from tests.conftest import GitRunner

CONTENTS = {
    "empty": b"",
    "byte": b"a",
    "text": b"hi\n",
    "utf8": "\u00e9\n".encode(),
    "latin": b"caf\xe9 cr\xe8me\n",
    "script": b"#!/bin/sh\necho\n",
    "page.html": b"<!DOCTYPE html><html><body></body></html>\n",
    "paper": b"%PDF-1.4\n",
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0",
    "gz": b"\x1f\x8b\x08" + bytes(20),
    "long": b"text\n" * 400_000,
    "zeros": bytes(2 << 20),
}


@pytest.fixture
def root(repo: Repository) -> Iterator[int]:
    for name, content in CONTENTS.items():
        Path(os.fsdecode(repo.root), name).write_bytes(content)
    fd = os.open(repo.root, os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.mark.parametrize(
    "expression",
    [
        "mimetype=text/*",
        "mimetype=application/*",
        "mimetype=inode/x-empty or mimetype=image/png",
        "mimeencoding=binary",
        "mimeencoding=us-ascii and not mimetype=text/x-shellscript",
        "mimeencoding=utf-8 or mimetype=Text/* or mimeencoding=iso-8859-1",
    ],
)
def test_it_decides_as_git_annex_does(
    repo: Repository, root: int, annex: AnnexRunner, git: GitRunner, expression: str
) -> None:
    folder, matcher = Path(os.fsdecode(repo.root)), parse(expression)
    git(folder, "config", "annex.largefiles", expression)
    said = annex(folder, "add", "--dry-run", "--json", *CONTENTS).splitlines()
    small = {found["file"] for found in map(json.loads, said) if "non-large" in found.get("note", "")}
    for name, content in CONTENTS.items():
        path = RelPath(name.encode())
        is_large = matcher.matches(path, len(content), partial(mime_of, root, path))
        assert is_large == (name not in small), name


def test_where_it_can_not_be_loaded_nobody_knows(tmp_path: Path) -> None:
    (tmp_path / "libmagic-1.so").write_bytes(b"none")
    with pytest.raises(OSError, match="libmagic"):
        Magic(tmp_path / "libmagic-1.so", tmp_path / "magic.mgc")
    assert find_magic() is not None  # the wheel that instep depends on has it
