"""Which file is which when names changed: what one side renamed and the other edited, by exact content.

Only what can be meant in one way counts: the content left one path and came to one path, it isn't empty, the
other side has it nowhere new, and what that side put in the old place is an edit, not another file moved over
it. Whatever is not clear so is no rename, and both files stay.

Only files have names here. A directory that was moved is so many files with new names, so no two moves can
put one directory into another and that into the first, or leave a child behind (I18).
"""

from instep.core.sides import Sides
from instep.core.types import Entry, Oid, RelPath
from instep.core.versions import body


class Renames:
    """Questions about names, for one merge."""

    def __init__(self, sides: Sides, empty: Oid) -> None:
        self._sides = sides
        self._empty = empty

    def has_version(self, side: int, base: Entry, edited: Entry) -> bool:
        """Whether `side`, which deleted a file, has the other's very version of it under a new name."""
        names = self._sides.added[side].get(body(edited), ())
        if body(edited) != body(base):
            return bool(names)
        return any(self._sides.entry(name, side) == edited for name in names)

    def new_name(self, side: int, base: Entry, edited: Entry) -> RelPath | None:
        """The name that `side` gave to the file that was `base`, and that the other side made `edited`."""
        content = body(base)
        names = self._sides.added[side].get(content, [])
        if base.oid == self._empty or len(names) != 1 or len(self._sides.gone[side][content]) != 1:
            return None
        if body(edited) != content and body(edited) in self._sides.unsettled:
            return None
        if content in self._sides.new[1 - side] or self._sides.on(1 - side, names[0]) is not None:
            return None
        return names[0]

    def common(self, one: Entry, two: Entry) -> Entry | None:
        """The base of two versions at a path that has none: the file that one side moved there as it was.

        It has left its old path on both sides, and is nowhere else on the other one, so that the other
        version can be taken for its edit.
        """
        for side, (mine, other) in enumerate(((one, two), (two, one))):
            same = body(mine) == body(other)
            if mine.oid == self._empty:
                continue
            if not same and (body(other) in self._sides.unsettled or body(mine) in self._sides.new[1 - side]):
                continue
            moved = self._sides.gone_on_both(body(mine))
            if moved:
                return mine if not same else moved[0] if len(moved) == 1 else None
        return None
