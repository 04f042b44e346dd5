"""By what a file is recognised without reading it.

Two looks at a path that give the same Identity saw the same content (I4), unless the second change came so
soon after the first that the times of files do not tell them apart (`fs.grain`).
"""

import os
import stat
from typing import NamedTuple

from instep.core.types import MODE_EXEC, MODE_FILE, MODE_LINK


class Identity(NamedTuple):
    """What `lstat` says of a file: all that changes when its content, name or permissions change."""

    dev: int
    ino: int
    size: int
    mtime_ns: int
    ctime_ns: int
    mode: int
    """`st_mode`, type and permissions."""

    @classmethod
    def of(cls, st: os.stat_result) -> "Identity":
        """The identity in a stat result (of `lstat`, `fstat` or a directory scan)."""
        return cls(st.st_dev, st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns, st.st_mode)

    def same_content_as(self, other: "Identity") -> bool:
        """Equal but for ctime and mode, which a rename or chmod changes and which say nothing of content."""
        return self[:4] == other[:4] and stat.S_IFMT(self.mode) == stat.S_IFMT(other.mode)

    @property
    def is_regular(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def entry_mode(self) -> int | None:
        """The mode that a git tree gives this file; None for what git does not hold (directories too)."""
        if stat.S_ISREG(self.mode):
            return MODE_EXEC if self.mode & stat.S_IXUSR else MODE_FILE
        return MODE_LINK if stat.S_ISLNK(self.mode) else None
