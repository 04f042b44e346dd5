"""Places that no folder can be, whatever is there: refused before anything is looked at.

Nothing here starts a process.
"""

import os
from contextlib import suppress
from pathlib import Path

from instep.core.errors import InstepError
from instep.core.faults import try_again
from instep.daemon.places import git_dir_of, is_bare
from instep.fs.syscalls import filesystem_magic
from instep.remotes.socket_path import own_places

_KERNELS_OWN = frozenset({0x9FA0, 0x62656572, 0x63677270, 0x27E0EB, 0x1CD1, 0x64626720, 0x74726163})
"""proc, sysfs, cgroup (2 and 1), devpts, debugfs, tracefs (linux/magic.h)."""


class Unfit(InstepError):
    """This path can't be a folder that is kept in step."""


def refuse_unfit(root: Path) -> None:
    """Refuses a real, absolute path (`places.resolve`) that is too much, or not for files. Raises Unfit."""
    if root == Path("/"):
        raise Unfit("/ is this whole computer.", "Name a folder in it.")
    _refuse_kernels_own(root)
    _refuse_own_places(root)
    for place in (root, *root.parents):
        owner = place.parent if place.name == ".git" and git_dir_of(place.parent) is not None else None
        if owner is not None:
            raise Unfit(f"{root} is inside the repository of {owner}.", f"Name that folder: {owner}")
        if place != root and is_bare(place):
            raise Unfit(f"{root} is inside the repository {place}.", "Choose a place outside of it.")


def _refuse_kernels_own(root: Path) -> None:
    """Refuses what looks like files and is none: /proc and its like."""
    there = next(place for place in (root, *root.parents) if os.path.exists(place))
    with suppress(OSError):  # it is looked at again
        fd = os.open(there, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            magic = filesystem_magic(fd)
        finally:
            os.close(fd)
        if magic in _KERNELS_OWN:
            raise Unfit(f"{root} is the kernel's own and no place for files.", "Choose another place.")


def _refuse_own_places(root: Path) -> None:
    """Whatever is done is noted there, and each note would be a change of the folder. # I23 I28"""
    for place in own_places():
        if root == place or root in place.parents:
            if root == Path(os.path.realpath(os.path.expanduser("~"))):
                raise Unfit(
                    f"{root} is your whole home directory, and instep's own notes are in it ({place}).",
                    "Name a folder in it.",
                )
            raise Unfit(f"{root} has instep's own notes in it ({place}).", "Name a folder beside them.")


def why_not(root: Path, error: OSError) -> Unfit:
    """What is said of a path that can't even be looked at."""
    words = error.strerror or str(error)
    way_out = try_again(error, "Choose another place.")
    return Unfit(f"{root} can't be looked at: {words[:1].lower()}{words[1:]}.", way_out)
