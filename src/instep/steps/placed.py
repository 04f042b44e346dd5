"""What attempts at a merge put into the work tree before one of them moved the branch.

An attempt that meets an edit is given up: the edit is committed and merged, and that may come to another
tree, without the variants of the first. So the next attempt starts from what the work tree has, not from the
branch.
Only a file that is still the very one that was put there counts (I4); any other is a person's (I5).
"""

from collections.abc import Iterable, Mapping

from instep.core.tree import lookup
from instep.core.types import Change, Entry, Oid, RelPath
from instep.fs.read import Gone, identify
from instep.steps.state import FolderState


class Placed:
    """Path to what was put there (None: removed). Blocking, used by the folder's one writer only."""

    def __init__(self, state: FolderState) -> None:
        self._state = state
        self._paths: dict[RelPath, Entry | None] = {}

    def note(self, entries: Mapping[RelPath, Entry | None]) -> None:
        """These are about to be put in place."""
        self._paths |= entries

    def settled(self) -> None:
        """The branch has come to where the work tree is."""
        self._paths.clear()

    def correct(self, changes: Iterable[Change], target: Oid | None) -> list[Change]:
        """The changes that lead to a tree, starting from what was put in place where that still stands."""
        if not self._paths:
            return list(changes)
        found = {change.path: change for change in changes}
        for path, entry in self._paths.items():
            wanted = lookup(target, path, self._state.repo.objects.tree)
            wanted = None if wanted is not None and wanted.is_tree else wanted
            if wanted != entry and self._stands(path, entry):
                found[path] = Change(path, entry, wanted)
        return list(found.values())

    def _stands(self, path: RelPath, entry: Entry | None) -> bool:
        try:
            identity = identify(self._state.work_tree.root_fd, path)
        except Gone:
            return entry is None
        except OSError:
            return False
        return entry is not None and self._state.known.entry(path, identity) == entry
