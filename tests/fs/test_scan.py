import os

import pytest

from instep.core.types import RelPath
from instep.fs.scan import scan

from .conftest import Root
from .follower import ROOT, keep_all, skip_ignored


def names(root: Root, under: bytes = b"") -> set[bytes]:
    return {path for path, _ in scan(root.name, RelPath(under), skip_ignored)}


def test_sees_files_links_and_odd_things(root: Root) -> None:
    strange = b"n\xff\n-"
    for path in (b"f", b"d/e/f", b"d/" + strange, b"ignored", b"ignored-d/f", b".git/HEAD", b".hidden"):
        root.file(path)
    os.mkfifo(root.at(b"d/fifo"))
    root.at(b"link").symlink_to("d")
    root.at(b"empty").mkdir()
    assert names(root) == {b"f", b"d/e/f", b"d/" + strange, b"d/fifo", b"link", b".hidden"}
    assert names(root, b"d/e") == {b"d/e/f"}


def test_a_repository_inside_is_named_and_not_entered(root: Root) -> None:
    """I23"""
    root.file(b"a/inner/.git/HEAD")
    root.file(b"a/inner/f")
    root.file(b"a/module/.git")
    assert names(root) == {b"a/inner", b"a/module"}
    assert names(root, b"a/inner") == {b"a/inner"}


def test_under_a_file_or_nothing(root: Root) -> None:
    root.file(b"f")
    root.at(b"link").symlink_to("f")
    assert names(root, b"f") == {b"f"}
    assert names(root, b"link") == {b"link"}
    assert names(root, b"nothing/below") == set()


@pytest.mark.usefixtures("bound_by_permissions")
def test_what_cannot_be_listed_is_not_empty(root: Root) -> None:
    """I2"""
    with pytest.raises(FileNotFoundError):
        list(scan(root.name + b"-gone", ROOT, keep_all))
    root.file(b"d/f")
    root.at(b"d").chmod(0)
    told: list[bytes] = []
    assert list(scan(root.name, ROOT, keep_all, lambda path, error: told.append(path))) == []
    assert told == [b"d"]
    with pytest.raises(PermissionError):
        list(scan(root.name, ROOT, keep_all))
    root.at(b"d").chmod(0o755)
