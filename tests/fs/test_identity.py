import os

from instep.core.types import MODE_EXEC, MODE_FILE, MODE_LINK
from instep.fs.identity import Identity

from .conftest import Root


def of(root: Root, path: bytes) -> Identity:
    return Identity.of(os.lstat(root.at(path)))


def test_two_looks_at_a_quiet_file_are_equal(root: Root) -> None:
    root.file(b"f", b"1")
    assert of(root, b"f") == of(root, b"f")


def test_a_rename_and_a_chmod_keep_the_content(root: Root) -> None:
    root.file(b"f", b"1")
    before = of(root, b"f")
    root.at(b"f").rename(root.at(b"g"))
    root.at(b"g").chmod(0o755)
    after = of(root, b"g")
    assert after != before
    assert after.same_content_as(before)
    assert (before.entry_mode, after.entry_mode) == (MODE_FILE, MODE_EXEC)


def test_a_rewrite_of_the_same_size_is_another_identity(root: Root) -> None:
    root.file(b"f", b"1")
    before = of(root, b"f")
    os.utime(root.at(b"f"), ns=(0, before.mtime_ns + 1))
    assert not of(root, b"f").same_content_as(before)


def test_what_git_does_not_hold_has_no_entry_mode(root: Root) -> None:
    root.at(b"l").symlink_to("nowhere")
    os.mkfifo(root.at(b"p"))
    root.at(b"d").mkdir()
    modes = [of(root, name).entry_mode for name in (b"l", b"p", b"d")]
    assert modes == [MODE_LINK, None, None]
