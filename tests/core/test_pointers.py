"""Pointer files and annexed symlinks, read as git-annex reads them."""

import pytest

from instep.core.pointers import MAX_POINTER_BYTES, key_of_link, key_of_pointer, link_target, pointer
from instep.core.types import Key, RelPath

KEY = Key(b"SHA256E-s6--5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03.txt")
URL = Key(b"VURL--http://127.0.0.1:9/x")


@pytest.mark.parametrize("key", [KEY, URL])
def test_what_is_written_is_read_again(key: Key) -> None:
    assert key_of_pointer(pointer(key)) == key
    assert key_of_link(link_target(key, RelPath(b"a/b/c"))) == key


def test_the_bytes_of_a_pointer() -> None:
    assert pointer(KEY) == b"/annex/objects/" + KEY + b"\n"
    assert pointer(URL) == b"/annex/objects/VURL--http&c%%127.0.0.1&c9%x\n"


@pytest.mark.parametrize(
    "data",
    [
        b"/annex/objects/%s",
        b"/annex/objects/%s\r\n",
        b"/annex/objects/%s\r",
        b".git/annex/objects/x/y/%s/%s\n".replace(b"%s/%s", b"K/%s"),
        b"/annex/objects/a/b/%s\n",
        b" /annex/objects/%s\n",
        b"/annex/objects/%s\n/annex/more\n/annex/and more\n",
    ],
)
def test_what_is_read_leniently(data: bytes) -> None:
    assert key_of_pointer(data.replace(b"%s", KEY)) == KEY


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"plain text\n",
        b"annex/objects/%s\n",
        b"/annex/objects/no key\n",
        b"first\n/annex/objects/%s\n",
        b"/annex/objects/%s\n\n",
        b"/annex/objects/%s\nappended\n",
        b"/annex/objects/%s\n/annex/unfinished",
    ],
)
def test_what_is_content(data: bytes) -> None:
    assert key_of_pointer(data.replace(b"%s", KEY)) is None


def test_trailing_text_belongs_to_the_key() -> None:
    assert key_of_pointer(b"/annex/objects/" + KEY + b" x\n") == KEY + b" x"


def test_a_large_file_is_content() -> None:
    lines = pointer(KEY) + b"/annex/" + b"x" * MAX_POINTER_BYTES
    assert key_of_pointer(lines[: MAX_POINTER_BYTES - 1] + b"\n") == KEY
    assert key_of_pointer(lines[:MAX_POINTER_BYTES] + b"\n") is None


def test_a_link_climbs_out_of_its_directory() -> None:
    target = link_target(KEY, RelPath(b"a/b"))
    assert target.startswith(b"../.git/annex/objects/")
    assert link_target(KEY, RelPath(b"a")) == target.removeprefix(b"../")
    assert target.endswith(b"/" + KEY + b"/" + KEY)
    assert link_target(KEY, RelPath(b"a"), git_dir=b"../g").startswith(b"../g/annex/objects/")


def test_links_that_name_a_key_and_links_that_do_not() -> None:
    assert key_of_link(b"/annex/objects/" + KEY) == KEY
    assert key_of_link(b"../.git/annex/objects/Xx/yY/" + KEY + b"/" + KEY) == KEY
    assert key_of_link(b"../elsewhere/" + KEY) is None
    assert key_of_link(b".git/annex/objects/readme") is None
