"""What a conflicting version of a file is called: as git-annex names it, the same on every node (I14).

`STEM.variant-HHHH.EXT`, where HHHH is the start of the md5 of the key's text and EXT the part after the last
dot; a path that has `.variant-` in it already gets the whole key instead (as `git annex sync` was seen to
do). Versions that are not annexed have their object id, as hex, for a key.
"""

from collections.abc import Iterator
from hashlib import md5
from itertools import count

from instep.core.keys import key_file
from instep.core.types import Key, RelPath

NAME_BYTES = 255
"""The longest name that Linux filesystems hold; where a variant's would be longer, its stem is cut."""

MARK = b".variant-"


def variant(path: RelPath, key_text: bytes) -> RelPath:
    """git-annex's own name for the version of `path` that has this key."""
    if MARK in path:
        return _named(path, key_file(Key(key_text)))
    return _named(path, _digest(key_text)[:4])


def variants(path: RelPath, key_text: bytes) -> Iterator[RelPath]:
    """Names to try in this order, without end: git-annex's, then with the whole key, then numbered from 2."""
    if MARK not in path:
        yield variant(path, key_text)
    whole = key_file(Key(key_text))
    yield _named(path, whole)
    for number in count(2):
        yield _named(path, b"%b-%d" % (whole, number))


def _digest(key_text: bytes) -> bytes:
    return md5(key_text, usedforsecurity=False).hexdigest().encode()


def _named(path: RelPath, distinction: bytes) -> RelPath:
    directory, slash, base = path.rpartition(b"/")
    stem, dot, extension = base.rpartition(b".")
    if not dot:
        stem, extension = base, b""
    ending = MARK + distinction + dot + extension
    if len(stem) + len(ending) > NAME_BYTES:
        if len(ending) > NAME_BYTES:
            ending = MARK + _digest(distinction + dot + extension)
        stem = _cut(stem, NAME_BYTES - len(ending))
    return RelPath(directory + slash + stem + ending)


def _cut(name: bytes, length: int) -> bytes:
    """The first bytes of a name, without half a character at the end."""
    if len(name) <= length:
        return name
    while length and name[length] & 0xC0 == 0x80:
        length -= 1
    return name[:length]
