"""core/names.py, with `git fsck` as the authority (I23)."""

import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instep.core.names import folded, is_safe_name, is_safe_path
from instep.core.tree import encode_tree
from instep.core.types import SHA1, Oid, RelPath
from tests.conftest import GitRunner, RepositoryMaker
from tests.core.trees import file, path

REFUSED = [
    b".",
    b"..",
    b".git",
    b".GIT",
    b".Git ",
    b".git.",
    b".git . .",
    b".git::$INDEX_ALLOCATION",
    b".git\\x",
    b"git~1",
    b"GIT~1",
    b"git~1 .",
    ".g\u200cit".encode(),
    "\ufeff.git".encode(),
    "\u202e.GI\u206ft".encode(),
    b".git\xff",
]
ACCEPTED = [
    b"a",
    b"...",
    b".gitignore",
    b".gitx",
    b"git",
    b"git~2",
    b"git~10",
    b" .git",
    b".git-x",
    b"x.git",
    b"\xff.git",
    b"\xe2\x80",
    "é.git".encode(),
    ".git\u0301".encode(),
    b"a\\b",
    b"-rf",
    b"new\nline",
    b" ",
    b"con",
]


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: bytes) -> None:
    assert not is_safe_name(name)
    assert not is_safe_path(path(b"a/" + name))
    assert not is_safe_path(path(name + b"/a"))


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: bytes) -> None:
    assert is_safe_name(name)
    assert is_safe_path(path(b"a/" + name + b"/a"))


@pytest.mark.parametrize(
    "text", [b"", b"/", b"/a", b"a/", b"a//b", b"a/../b", b"./a", b"a\0b", b"a\\.git\\b"]
)
def test_paths_that_are_none(text: bytes) -> None:
    assert not is_safe_path(path(text))


@given(st.text("a.gGiItT~1 \u200c\ufeff:/\\", max_size=8))
def test_what_is_safe_never_reads_as_git_anywhere(name: str) -> None:
    """I23: fold as the filesystems do and look for a name of git's own."""
    if is_safe_path(path(name)):
        for part in name.split("/"):
            folded = part.lower().replace("\u200c", "").replace("\ufeff", "")
            assert folded != ".git"
            assert part not in ("", ".", "..")
            assert part.lower().split(":")[0].rstrip(". ") not in (".git", "git~1")


def test_git_refuses_the_same(plain_repository: RepositoryMaker, git: GitRunner) -> None:
    folder = plain_repository()
    trees = {name: _write_tree(folder, name) for name in REFUSED + ACCEPTED}
    said = git(folder, "fsck", "--no-dangling", "--strict", check=False) + _fsck_errors(folder, git)
    refused = {name for name, tree in trees.items() if tree.hex().encode() in said}
    assert refused == set(REFUSED)


def _write_tree(folder: Path, name: bytes) -> Oid:
    data = encode_tree({name: file("")})
    oid = SHA1.hash(b"tree", data)
    target = folder / ".git/objects" / oid.hex()[:2] / oid.hex()[2:]
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(zlib.compress(b"tree %d\0" % len(data) + data))
    return oid


def _fsck_errors(folder: Path, git: GitRunner) -> bytes:
    return git(
        folder,
        "-c",
        "alias.check=!git fsck --strict --no-dangling 2>&1 | grep 'in tree'",
        "check",
        check=False,
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Foo/Bar", "foo/bAR"),
        ("caf\u00e9", "CAFE\u0301"),
        ("\u00c9", "e\u0301"),
        ("\u03a3", "\u03c2"),
        ("I", "i"),
    ],
)
def test_what_some_disk_takes_for_one(one: str, other: str) -> None:  # I24
    assert folded(RelPath(one.encode())) == folded(RelPath(other.encode()))


@given(st.binary(), st.binary())
def test_folding_keeps_directories(one: bytes, other: bytes) -> None:  # I24
    path = RelPath(one + b"/" + other)
    assert folded(path) == folded(RelPath(one)) + b"/" + folded(RelPath(other))
    assert folded(RelPath(folded(path))) == folded(path)
    assert folded(RelPath(b"\xff")) == b"\xff"
