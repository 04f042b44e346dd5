"""What is at a path, before anything is done there: nothing, files, a git or a git-annex repository.

Whatever can't be kept in step is refused here, in one sentence with the way out, and untouched. Only git's
configuration is asked of a git process; the rest is looked at directly.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from instep.annex.launcher import find_launcher
from instep.core.errors import InstepError
from instep.core.faults import try_again
from instep.daemon.lock import holder
from instep.daemon.places import (
    adopting_mark,
    git_dir_of,
    is_bare,
    is_kept,
    kept_around,
    known_folders,
    resolve,
)
from instep.daemon.unfit import refuse_unfit, why_not
from instep.fs.mounted import location
from instep.git.config import Config
from instep.git.errors import sentence
from instep.git.mend import Mender
from instep.git.process import Git, git_environment
from instep.git.unfinished import branch_of

OLDEST_GIT = (2, 39)
DEFAULT_BRANCH = "main"
LEAST_FREE_BYTES = 1 << 20
"""A repository, before anything is in it, and what is written to become one."""


class Refused(InstepError):
    """This path can't be made a folder that is kept in step, as it is."""


class Kind(Enum):
    """What was found at a path."""

    ABSENT = "nothing"
    EMPTY = "an empty folder"
    FILES = "a plain folder"
    GIT = "a git repository"
    ANNEX = "a git-annex repository"
    BARE = "a bare git repository"
    BARE_ANNEX = "a bare git-annex repository"

    @property
    def is_repository(self) -> bool:
        return self not in (Kind.ABSENT, Kind.EMPTY, Kind.FILES)

    @property
    def is_bare(self) -> bool:
        """Whether it has no work tree, and so no process of its own."""
        return self in (Kind.BARE, Kind.BARE_ANNEX)

    @property
    def is_annex(self) -> bool:
        return self in (Kind.ANNEX, Kind.BARE_ANNEX)


@dataclass(frozen=True, slots=True)
class Found:
    """A path that can be a folder. For what is no repository yet, `branch` and `object_format` are those
    that git would give a new one; while no branch is checked out, `branch` is the one that was left."""

    root: Path
    kind: Kind
    branch: str
    object_format: str
    config: Config


def check_programs() -> None:
    """Refuses when git or git-annex is missing or too old (30 ms)."""
    check_git()
    find_launcher().check()


def check_git() -> None:
    """Refuses when git is missing or older than 2.39 (3 ms)."""
    try:
        said = subprocess.run(
            ["git", "version"], capture_output=True, check=True, env=git_environment()
        ).stdout
    except FileNotFoundError:
        raise Refused("git is not installed.", "Install it, version 2.39 or newer.") from None
    except OSError as error:
        fix = try_again(error, "Install it, version 2.39 or newer.")
        raise Refused(f"git can't be started: {error.strerror}.", fix) from None
    except subprocess.CalledProcessError as error:
        said = sentence(error.stderr, f"it ended with status {error.returncode}")
        raise Refused(f"git is there, but does not work: {said}", "Install it again.") from None
    version = re.search(rb"(\d+)\.(\d+)", said)
    if version is None or (int(version[1]), int(version[2])) < OLDEST_GIT:
        raise Refused(
            f"This git is too old: {said.decode(errors='replace').strip()}.", "Install 2.39 or newer."
        )


def examine(root: Path, *, may_be_bare: bool = False) -> Found:
    """What is at a path (real and absolute: `places.resolve`). Raises Refused.

    `may_be_bare`: it is to be a remote, for which a bare repository will do.
    """
    refuse_unfit(root)
    try:
        names = os.listdir(root)
    except FileNotFoundError:
        return _examine_absent(root)
    except NotADirectoryError:
        raise Refused(f"{root} is a file, not a folder.", "Name the folder that it is in.") from None
    except PermissionError:
        raise Refused(
            f"{root} can't be read: permission denied.", f"Change its permissions: chmod u+rwx {root}"
        ) from None
    except OSError as error:
        raise why_not(root, error) from error
    _refuse_unwritable(root)
    _refuse_inside_another(root)
    git_dir = git_dir_of(root)
    if git_dir is None:
        if may_be_bare and is_bare(root):
            return _examine_bare(root)
        _refuse_strange_git(root, names)
        return _fresh(root, Kind.FILES if names else Kind.EMPTY, root)
    return _examine_repository(root, git_dir)


def _examine_absent(root: Path) -> Found:
    parent = next(place for place in root.parents if place.exists())
    if not parent.is_dir():
        raise Refused(f"{parent} is a file, so {root} can't be made.", "Choose another place.")
    _refuse_unwritable(parent)
    _refuse_inside_another(root)
    return _fresh(root, Kind.ABSENT, parent)


def _fresh(root: Path, kind: Kind, cwd: Path) -> Found:
    config = Config(
        Git(b"/dev/null", os.fsencode(cwd), bare=False)
    )  # the person's settings, of no repository
    branch = config.get("init.defaultbranch") or DEFAULT_BRANCH
    return Found(root, kind, branch, config.get("init.defaultobjectformat") or "sha1", config)


def _examine_repository(root: Path, git_dir: Path) -> Found:
    if (git_dir / "commondir").exists():
        raise Refused(
            f"{root} shares its repository with another work tree ({git_dir}).",
            f"Use a clone of its own instead, or that work tree: git -C {root} worktree list",
        )
    _refuse_unwritable(git_dir)
    _refuse_partial_history(root, git_dir)
    if is_kept(root) and holder(git_dir) is None:
        Mender(os.fsencode(git_dir)).mend_and_note()  # before git is asked anything
    config = Config(Git(os.fsencode(git_dir), os.fsencode(root), bare=False))
    if config.get_bool("core.bare"):
        raise _bare(root)
    if (worktree := config.get("core.worktree")) and resolve(git_dir / worktree) != root:
        raise Refused(
            f"The repository {root} has its files elsewhere, in {worktree}.", "Use a clone instead."
        )
    _refuse_missing_objects(root, config)
    kind = Kind.ANNEX if _is_annex(git_dir, config) else Kind.GIT
    return Found(
        root, kind, _branch(root, git_dir, config), config.get("extensions.objectformat") or "sha1", config
    )


def _is_annex(git_dir: Path, config: Config) -> bool:
    return config.get("annex.uuid") is not None and not adopting_mark(git_dir).exists()


def _refuse_partial_history(root: Path, git_dir: Path) -> None:
    if (git_dir / "shallow").exists():
        raise Refused(
            f"{root} is a shallow clone: its history ends somewhere, so nothing can be merged with it.",
            f"Bring in the rest first: git -C {root} fetch --unshallow",
        )


def _refuse_missing_objects(root: Path, config: Config) -> None:
    """A partial clone would fetch what is missing one object at a time, in the middle of everything."""
    for name in config.remotes():
        if config.get_bool(f"remote.{name}.promisor") or config.get(f"remote.{name}.partialclonefilter"):
            words = f"git -C {root} config --unset remote.{name}"
            raise Refused(
                f"{root} is a partial clone: some of its objects are only at {name}.",
                f"Bring them in first: {words}.partialclonefilter; git -C {root} fetch --refetch {name}; "
                f"{words}.promisor",
            )


def _examine_bare(root: Path) -> Found:
    """Its branch is the one that a clone would get; "" where that has no commit yet."""
    git = Git(os.fsencode(root), os.fsencode(root), bare=True)
    config = Config(git)
    kind = Kind.BARE_ANNEX if _is_annex(root, config) else Kind.BARE
    head = git.result("rev-parse", "--verify", "--quiet", "--symbolic-full-name", "HEAD")
    name = os.fsdecode(head.stdout.strip())
    branch = name.removeprefix("refs/heads/") if name.startswith("refs/heads/") else ""
    return Found(root, kind, branch, config.get("extensions.objectformat") or "sha1", config)


def _branch(root: Path, git_dir: Path, config: Config) -> str:
    branch = branch_of(os.fsencode(git_dir), config)
    if branch.startswith("adjusted/"):
        raise Refused(
            f"{root} has the adjusted branch {branch} checked out, which is not supported yet.",
            "Check out the branch that it was made from first: git switch BRANCH",
        )
    return branch


def _refuse_strange_git(root: Path, names: list[str]) -> None:
    if ".git" in names:
        raise Refused(f"{root}/.git is there but is no repository.", "Mend it, or move it away.")
    if {"HEAD", "objects", "refs"} <= set(names):
        raise _bare(root)


def _bare(root: Path) -> Refused:
    return Refused(f"{root} is a bare repository, which holds no files.", "Name a folder with a work tree.")


def _refuse_unwritable(place: Path) -> None:
    disk = os.statvfs(place)
    if disk.f_flag & os.ST_RDONLY:
        raise Refused(
            f"{place} is on a filesystem that is mounted read-only.",
            f"Make it writable: mount -o remount,rw (where it is mounted says: findmnt -T {place})",
        )
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        raise Refused(
            f"{place} can't be written: permission denied.", f"Change its permissions: chmod u+rwx {place}"
        )
    if is_kept(place.parent if place.name == ".git" else place):
        return  # its process starts, says that it waits for space, and goes on by itself (I26)
    is_full = disk.f_blocks and disk.f_bavail * disk.f_frsize < LEAST_FREE_BYTES
    if is_full or (disk.f_files and not disk.f_favail):
        raise Refused(f"There is no space left where {place} is.", "Free some, or choose another place.")


def _refuse_inside_another(root: Path) -> None:
    others = (other for other in known_folders() if other != root and _is_inside(root, other))
    if (kept := kept_around(root) or next(others, None)) is not None:
        raise Refused(
            f"{root} is inside {kept}, which is kept in step as a whole.",
            "Choose a place outside of it.",
        )


def _is_inside(inner: Path, outer: Path) -> bool:
    """By its path, or by where both are on one file system: bind mounts have two paths."""
    return outer in inner.parents or location(inner).is_inside(location(outer))


def refuse_nested(roots: list[Path]) -> None:
    """Refuses two paths of which one is the other, or inside it."""
    for number, one in enumerate(roots):
        for other in roots[number + 1 :]:
            if location(one) == location(other):
                raise Refused(f"{one} and {other} are the same folder.", "Name two different folders.")
            for inner, outer in ((one, other), (other, one)):
                if _is_inside(inner, outer):
                    raise Refused(f"{inner} is inside {outer}.", "Keep the two folders apart.")
