"""Which names may be in a tree: as git's own checks have it, for every filesystem at once.

A name that some filesystem takes for `.git` would let a peer write into a repository's own files (I23), so
all disguises are refused everywhere: any case, NTFS's `git~1`, trailing dots, spaces and streams, HFS+'s
ignored code points. Source: git's `verify_path` (read-cache.c), `is_ntfs_dotgit` (path.c), `is_hfs_dotgit`
(utf8.c).
"""

import re
import unicodedata
from functools import lru_cache

from instep.core.types import RelPath

_NTFS_DOT_GIT = re.compile(rb"(?:^|\\)(?:\.git|git~1)[. ]*(?:$|[\\:])", re.IGNORECASE)
_HFS_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
# git ends an HFS+ name where it is no UTF-8, so what follows there hides nothing.
_HFS_DOT_GIT = re.compile("\\.git(?:$|[\udc80-\udcff\ufffe\uffff])", re.IGNORECASE | re.ASCII)
# A disguise starts with one of these (the last two start an ignored code point) or holds a backslash.
_SUSPICIOUS = re.compile(rb"[.gG\xe2\xef]|.*\\", re.DOTALL)


@lru_cache(1 << 10)
def is_safe_name(name: bytes) -> bool:
    """Whether a tree may hold this one name."""
    if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
        return False
    if not _SUSPICIOUS.match(name):
        return True
    if _NTFS_DOT_GIT.search(name):
        return False
    text = name.decode("utf-8", "surrogateescape")
    return not _HFS_DOT_GIT.match(_HFS_IGNORED.sub("", text))


def is_safe_path(path: RelPath) -> bool:
    """Whether each name on the way is safe; the root itself (`b""`) is not a path of anything."""
    return all(is_safe_name(name) for name in path.split(b"/"))


def folded(path: RelPath) -> bytes:
    """The same for any two paths that some disk takes for one: no case, accents spelt in one way. # I24

    What is no UTF-8 is left as it is. (Unicode 3.13: canonical caseless matching, D145.)
    """
    text = path.decode("utf-8", "surrogateescape")
    if text.isascii():
        return text.lower().encode()
    text = unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())
    return text.encode("utf-8", "surrogateescape")
