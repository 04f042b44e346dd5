"""How git names an annexed file: the text of a pointer file, the target of a symlink.

A pointer stands for an unlocked file; a symlink into `.git/annex/objects` for a locked one. Reading is as
lenient as git-annex is, writing gives exactly the bytes that git-annex writes.
"""

from instep.core.keys import MalformedKey, file_key, key_file, object_path
from instep.core.types import Key, RelPath

MAX_POINTER_BYTES = 32768
"""More than this is content, whatever it begins with."""

_OBJECTS = b"/annex/objects/"


def pointer(key: Key) -> bytes:
    """The blob of an unlocked file."""
    return _OBJECTS + key_file(key) + b"\n"


def key_of_pointer(data: bytes) -> Key | None:
    """The key that a pointer file names; None when the bytes are content of their own.

    The first line must hold `/annex/objects/`; the key is what follows its last slash. More lines are
    allowed when each begins with `/annex/` and is ended by a newline.
    """
    if len(data) > MAX_POINTER_BYTES:
        return None
    first, _, rest = data.partition(b"\n")
    if _OBJECTS not in first or not _only_annex_lines(rest):
        return None
    return _key_at_end(first.removesuffix(b"\r"))


def _only_annex_lines(rest: bytes) -> bool:
    if not rest:
        return True
    *lines, after = rest.split(b"\n")
    return not after and all(line.startswith(b"/annex/") for line in lines)


def link_target(key: Key, path: RelPath, git_dir: bytes = b".git") -> bytes:
    """The target of a locked file's symlink that stands at `path`. `git_dir` is the git directory's path
    from the folder's root. Moving the symlink to another depth needs a new target."""
    return b"../" * path.count(b"/") + git_dir + b"/" + object_path(key, bare=False)


def key_of_link(target: bytes) -> Key | None:
    """The key that a symlink's target names; None for an ordinary symlink. The directories before the last
    name do not matter."""
    return _key_at_end(target) if _OBJECTS in target else None


def _key_at_end(path: bytes) -> Key | None:
    try:
        return file_key(path.rpartition(b"/")[2])
    except MalformedKey:
        return None
