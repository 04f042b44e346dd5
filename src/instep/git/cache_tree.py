"""The index's TREE extension: which directories are known to be which git tree.

It saves `git status` and `git commit` reading the whole index again. Where an entry changes, its
directories are marked as not known, exactly as git's `cache_tree_invalidate_path` does; a mark too few
would make git commit a tree that is not what the index says.
"""

from collections.abc import Set as AbstractSet

from instep.core.types import RelPath


def invalidate(content: bytes, changed: AbstractSet[RelPath], oid_bytes: int) -> bytes | None:
    """The extension without what is no longer so once the entries at `changed` are set or removed.

    None: leave the extension out (a directory that it knows has become a file, or it can't be read).
    """
    if not changed:
        return content
    unknown = {b"", *(above for path in changed for above in _directories(path))}
    parts: list[bytes] = []
    above: list[tuple[bytes, int]] = []
    position = 0
    try:
        while position < len(content):
            nul = content.index(0, position)
            newline = content.index(b"\n", nul)
            name, counts = content[position:nul], content[nul + 1 : newline]
            entries, subtrees = (int(count) for count in counts.split(b" "))
            position = newline + 1
            oid = content[position : position + oid_bytes] if entries >= 0 else b""
            position += len(oid)
            path = _path_below(above, name)
            if path in changed:
                return None
            if path in unknown:
                parts.append(b"%b\0-1 %d\n" % (name, subtrees))
            else:
                parts.append(b"%b\0%b\n%b" % (name, counts, oid))
            above.append((path, subtrees))
    except ValueError:
        return None
    return b"".join(parts)


def _path_below(above: list[tuple[bytes, int]], name: bytes) -> bytes:
    """The path of the next directory, and one fewer expected below its parent."""
    while above and above[-1][1] == 0:
        above.pop()
    if not above:
        return name
    parent, left = above[-1]
    above[-1] = (parent, left - 1)
    return parent + b"/" + name if parent else name


def _directories(path: bytes) -> list[bytes]:
    found: list[bytes] = []
    while slash := path.rfind(b"/") + 1:
        path = path[: slash - 1]
        found.append(path)
    return found
