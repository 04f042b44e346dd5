"""The marks in the TREE extension, compared with those that git makes."""

import os
from pathlib import Path

import pytest

from instep.core.types import RelPath
from instep.git.cache_tree import invalidate
from instep.git.index_format import RawIndex
from instep.git.repository import Repository
from tests.conftest import GitRunner
from tests.git.conftest import blob

FILES = (b"a", b"d/b", b"d/e/c", b"d/e-/x", b"d/e/f/g", b"h/i")


def _known(repo: Repository) -> bytes:
    data = Path(os.fsdecode(repo.git_dir), "index").read_bytes()
    return dict(RawIndex(data, repo.format.oid_bytes).extensions)[b"TREE"]


@pytest.mark.parametrize("path", [*FILES, b"new", b"d/new", b"d/e/new", b"n/e/w", b"h/i/j"])
def test_as_git_does(any_repo: Repository, git: GitRunner, path: bytes) -> None:
    top = any_repo.root.decode()
    one, two = (blob(any_repo, data).hex().encode() for data in (b"1", b"2"))
    git(
        top,
        "update-index",
        "--index-info",
        input=b"".join(b"100644 %b\t%b\n" % (one, name) for name in FILES),
    )
    git(top, "write-tree")
    before = _known(any_repo)
    assert before.count(b"-1") == 0
    ours = invalidate(before, {RelPath(path)}, any_repo.format.oid_bytes)
    git(top, "update-index", "--add", "--replace", "--cacheinfo", b"100644,%b,%b" % (two, path))
    assert ours == _known(any_repo)


def test_a_directory_that_became_a_file_and_nonsense() -> None:
    content = b"\x003 1\n" + b"o" * 20 + b"d\x002 0\n" + b"p" * 20
    assert invalidate(content, {RelPath(b"d")}, 20) is None
    assert invalidate(content, {RelPath(b"e")}, 20) == content.replace(b"3 1\n" + b"o" * 20, b"-1 1\n")
    assert invalidate(content, set(), 20) == content
    assert invalidate(b"nonsense", {RelPath(b"e")}, 20) is None
