"""Drives that are mounted inside the folder: one that is unmounted takes its files along, undeleted. # I8

Where drives were mounted is written down, so that one that is missing at a start is missed too. A deletion
below one that is not mounted is never committed; what was held is looked at anew when the drive is back. It
is forgotten when the branch has nothing there any more: a person has committed the deletions with git.
"""

from collections.abc import Callable

from instep.core.types import RelPath
from instep.fs.mounts import mounts_below
from instep.steps.gate import HeldPaths


class Mounts:
    """The mount points below one folder's root. `away` is called in the writer's thread, the rest in the
    event loop."""

    def __init__(self, root: bytes, file: bytes) -> None:
        self._root = root
        self._noted = HeldPaths(file)
        self._mounted = mounts_below(root)
        self._noted.add(self._mounted.keys())

    @property
    def missing(self) -> set[RelPath]:
        """Where a drive was mounted and none is, as of the last `refresh`."""
        return self._noted.paths - self._mounted.keys()

    def refresh(self, is_tracked: Callable[[RelPath], bool]) -> set[RelPath]:
        """Something was mounted or unmounted. Gives the places where that was, to be looked through."""
        before, self._mounted = self._mounted, mounts_below(self._root)
        self._noted.add(self._mounted.keys())
        self._noted.remove({point for point in self.missing if not is_tracked(point)})
        return {point for point, _ in before.items() ^ self._mounted.items()}

    def now(self) -> dict[RelPath, int]:
        """What is mounted, to be compared by `away`; it costs nothing where nothing ever was."""
        return mounts_below(self._root) if self._noted.paths else {}

    def away(self, path: RelPath, before: dict[RelPath, int], after: dict[RelPath, int]) -> bool:
        """Whether a drive that holds this path was not there, all the time between two answers of `now`."""
        return any(
            (path == point or path.startswith(point + b"/"))
            and (point not in before or before[point] != after.get(point))
            for point in tuple(self._noted.paths)  # the event loop may note another one
        )
