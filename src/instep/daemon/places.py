"""Where a folder's things are: its repository, its lock, its log; and which folders there are.

Synchronous and light: the command line starts here. Nothing below starts a process.
"""

import os
from pathlib import Path

from instep.core.errors import InstepError
from instep.remotes.socket_path import state_dir, state_dirs


class NoFolderHere(InstepError):
    """The current directory is in no folder."""

    def __init__(self, start: Path) -> None:
        what = "is in no folder that could be kept in step" if os.path.exists(start) else "does not exist"
        super().__init__(f"{start} {what}.", "Name a folder, or make one: instep up DIR")


def resolve(text: str | os.PathLike[str]) -> Path:
    """The real, absolute path of what a person wrote; it need not exist. Raises InstepError for nothing."""
    if not os.fspath(text):
        raise InstepError("The name of a folder can't be empty.", "For the current one, write a dot.")
    return Path(os.path.realpath(os.path.expanduser(text)))


def folder_of(start: Path) -> Path:
    """The folder that a directory is in: the nearest one upwards that is the top of a repository. Raises
    InstepError if there is none that can be seen."""
    real = resolve(start)
    for place in (real, *real.parents):
        if is_top(place):
            return place
    for place in (real, *real.parents):
        if os.path.exists(place) and not os.access(place, os.X_OK):
            raise InstepError(
                f"{place} can't be read: permission denied.", f"Change its permissions: chmod u+rwx {place}"
            )
    raise NoFolderHere(start)


def is_top(place: Path) -> bool:
    """Whether a path is the top of a work tree, as far as that can be seen."""
    try:
        return git_dir_of(place) is not None
    except PermissionError:
        return False


def git_dir_of(root: Path) -> Path | None:
    """The repository of a work tree's top directory, or None if it is none (a bare repository is none)."""
    dot_git = root / ".git"
    if (dot_git / "HEAD").is_file():
        return Path(os.path.realpath(dot_git))
    if not dot_git.is_file():
        return None
    text = dot_git.read_bytes()[:8192]
    if not text.startswith(b"gitdir: "):
        return None
    target = root / os.fsdecode(text.removeprefix(b"gitdir: ").rstrip(b"\n"))
    return Path(os.path.realpath(target)) if (target / "HEAD").is_file() else None


def is_bare(path: Path) -> bool:
    """Whether a directory looks like a repository without a work tree."""
    return (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()


def lock_file(git_dir: Path) -> Path:
    """The lock that only one process per repository can hold; it lies inside the repository, so that one
    folder reached by two names has one."""
    return git_dir / "instep" / "lock"


def adopting_mark(git_dir: Path) -> Path:
    """A file that is there while git-annex is being set up: what was begun is to be done again then."""
    return git_dir / "instep" / "adopting"


def is_kept(root: Path) -> bool:
    """Whether instep has ever kept this folder in step."""
    git_dir = git_dir_of(root)
    return git_dir is not None and lock_file(git_dir).exists()


def kept_around(path: Path) -> Path | None:
    """The nearest folder that a path is inside of and that instep has ever kept in step."""
    return next((above for above in path.parents if is_kept(above)), None)


def mark_stopped(git_dir: Path, stopped: bool) -> None:
    """Write down that a person stopped the folder, so that nobody who calls starts it again; or that it runs
    again."""
    _mark(git_dir, "stopped", stopped)


def is_stopped(git_dir: Path) -> bool:
    """Whether a person stopped the folder."""
    return _is_marked(git_dir, "stopped")


def mark_guest(git_dir: Path, guest: bool) -> None:
    """Write down that only guests keep the folder (`daemon.guest`); or that it has a process of its own."""
    _mark(git_dir, "guest", guest)


def is_guest(git_dir: Path) -> bool:
    """Whether only guests ever kept the folder, since it last had a process of its own."""
    return _is_marked(git_dir, "guest")


def _mark(git_dir: Path, name: str, there: bool) -> None:
    mark = git_dir / "instep" / name
    if there:
        mark.parent.mkdir(mode=0o700, exist_ok=True)
        mark.touch()
    else:
        mark.unlink(missing_ok=True)


def _is_marked(git_dir: Path, name: str) -> bool:
    return (git_dir / "instep" / name).exists()


def output_file(root: Path) -> Path:
    """What the background process and the programs that it starts write to their standard error."""
    return state_dir(root) / "output.txt"


def setup_lock_file(root: Path) -> Path:
    """What only one `up` at a time can lock."""
    return state_dir(root) / "up.lock"


def log_file(root: Path) -> Path:
    """What `instep log` shows."""
    return state_dir(root) / "log.jsonl"


def remember(root: Path) -> None:
    """Write down that there is such a folder, for `known_folders`."""
    note = state_dir(root) / "folder"
    content = os.fsencode(root)
    if not note.exists() or note.read_bytes() != content:
        note.write_bytes(content)


def remembered() -> list[Path]:
    """All folders of this user that were ever kept in step, be they still there or not."""
    notes = [state / "folder" for state in state_dirs()]
    return sorted(Path(os.fsdecode(note.read_bytes())) for note in notes if note.is_file())


def known_folders() -> list[Path]:
    """Those of them that are still there."""
    return [root for root in remembered() if is_kept(root)]
