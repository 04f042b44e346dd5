"""What differs between a tree, git's index and the work tree, asked of git.

git looks at a hundred thousand files in the time in which Python looks at ten thousand, with one `lstat` a
file, in several threads. Only plumbing is asked, which compares stat data and reads no file but those that
are as young as the index. Nothing is written.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from instep.core.types import Entry, Oid, RelPath
from instep.git.process import Git

_EXACT = (
    "core.trustctime=true",
    "core.checkStat=default",
    "core.untrackedCache=false",
    "core.ignoreCase=false",  # I24: each name for itself, whatever the disk makes of it
    "core.precomposeUnicode=false",
)


@dataclass
class Differences:
    """Paths that are not the same everywhere; names of directories are never among them."""

    staged: dict[RelPath, Entry | None] = field(default_factory=dict[RelPath, Entry | None])
    """Where the index is not as the tree: what the index has (None: nothing, or an unfinished merge)."""
    changed: set[RelPath] = field(default_factory=set[RelPath])
    """Where the work tree's file is not, or may not be, what the index has."""
    untracked: set[RelPath] = field(default_factory=set[RelPath])
    """Files and links of which the index knows nothing, and that are not ignored."""


def changed_files(git: Git) -> set[RelPath]:
    """`Differences.changed` alone. Raises GitError."""
    listing = git.run("diff-files", "--name-only", "-z", "--ignore-submodules=all", config=_EXACT)
    return {RelPath(path) for path in listing.split(b"\0") if path}


def compare(git: Git, tree: Oid, *, files: bool = True) -> Differences:
    """Compares everything. `tree` may be the empty one. `files`: whether those that the index has are looked
    at. Raises GitError, as for a broken index."""
    with ThreadPoolExecutor(3) as threads:
        changed = threads.submit(changed_files, git) if files else None
        untracked = threads.submit(git.run, "ls-files", "-z", "--others", "--exclude-standard", config=_EXACT)
        staged = threads.submit(
            git.run,
            *("diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev"),
            *("--ignore-submodules=none", tree.hex(), "--"),
        )
        return Differences(
            dict(_index_side(staged.result())),
            changed.result() if changed is not None else set(),
            {RelPath(p) for p in untracked.result().split(b"\0") if p and not p.endswith(b"/")},
        )


def _index_side(raw: bytes) -> Iterator[tuple[RelPath, Entry | None]]:
    """The path and the index's entry of each `:MODE MODE OID OID STATUS`, which a path follows."""
    words = iter(raw.split(b"\0")[:-1])
    for facts in words:
        _, mode, _, oid, _ = facts.split(b" ")
        path = RelPath(next(words))
        yield path, Entry(int(mode, 8), Oid(bytes.fromhex(oid.decode()))) if int(mode, 8) else None
