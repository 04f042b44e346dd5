"""What attempts at a merge put into the work tree before one of them moved the branch.

An attempt that meets an edit is given up: the edit is committed and merged, and that may come to another
tree, without the variants of the first. So the next attempt starts from what the work tree has, not from the
branch; and where a file lags (`lag`), that book says what there is now.
Only a file that is still the very one that was put there counts (I4); any other is a person's (I5).
"""

from collections.abc import Iterable

from instep.core.tree import lookup_file
from instep.core.types import Change, Entry, Oid, RelPath
from instep.fs.read import Gone, identify
from instep.steps.install import Refusal
from instep.steps.recognise import recognised
from instep.steps.state import FolderState


class Placed:
    """Path to what was put there (None: removed). Blocking, used by the folder's one writer only."""

    def __init__(self, state: FolderState) -> None:
        self._state = state
        self._paths: dict[RelPath, set[Entry | None]] = {}
        """More than one where it is not known which of them: the last attempt was cut short."""

    def begin(self, changes: Iterable[Change]) -> None:
        """These are about to be put in place."""
        for change in changes:
            self._paths.setdefault(change.path, set()).add(change.new)

    def brought(self, changes: Iterable[Change], refused: Iterable[Refusal]) -> None:
        """They were, but for what the work tree did not take: there it has what it had before."""
        left = {refusal.change.path for refusal in refused if not refusal.lacks_content}
        for path, old, new in changes:
            if path in left:
                self._paths[path] &= {old}
            else:
                self._paths[path] = {new}
                self._state.lag.brought(path, new)

    def settled(self) -> None:
        """The branch has come to where the work tree is."""
        self._paths.clear()

    def correct(self, changes: Iterable[Change], target: Oid | None) -> list[Change]:
        """The changes that lead to a tree, starting from what was put in place where that still stands."""
        if not self._paths:
            return list(changes)
        found = {change.path: change for change in changes}
        for path, entries in self._paths.items():
            wanted = lookup_file(target, path, self._state.repo.objects.tree)
            for entry in entries:
                if self._stands(path, entry):
                    self._state.lag.brought(path, entry)
                    if entry != wanted:
                        found[path] = Change(path, entry, wanted)
        return list(found.values())

    def _stands(self, path: RelPath, entry: Entry | None) -> bool:
        try:
            if entry is None:
                identify(self._state.work_tree.root_fd, path)
                return False
            return recognised(self._state, path, entry) is not None
        except Gone:
            return entry is None
        except OSError:
            return False
