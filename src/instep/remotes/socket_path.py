"""Where a folder's process listens, and where it keeps what is no state of the repository.

Both are functions of the folder's real path alone. A socket's address holds about 107 bytes, so the name is a
hash, and a runtime directory with a long name is passed over. The environment of a process that looks for a
socket (started by ssh or cron, say) can differ from that of the one that listens; `find_socket` therefore
looks in every directory that could have been chosen. Synchronous and light: the command line starts here.
"""

import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from instep.remotes.errors import UnsafeDirectory

MAX_SOCKET_PATH_BYTES = 100

Folder = str | bytes | os.PathLike[str]


def folder_id(folder: Folder) -> str:
    """32 hex digits that stand for the folder, whatever name it is reached by."""
    real = os.path.realpath(os.fsencode(folder))
    return hashlib.sha256(real).hexdigest()[:32]


def socket_path(folder: Folder) -> Path:
    """Where the folder's process listens. Makes the directory. Raises UnsafeDirectory, OSError."""
    directory = next(_runtime_dirs())
    _make_private(directory)
    return directory / _socket_name(folder)


def control_path() -> Path:
    """Where a shared ssh connection may listen: a name that nobody has. It leaves the 17 bytes that OpenSSH
    adds for a moment. Makes the directory. Raises UnsafeDirectory, OSError."""
    directory = next(_runtime_dirs())
    _make_private(directory)
    return directory / f"ssh-{secrets.token_hex(6)}"


def find_socket(folder: Folder) -> Path | None:
    """The socket of the folder's process, if there is one. Makes nothing; it may be a dead one."""
    for directory in _runtime_dirs():
        path = directory / _socket_name(folder)
        if _is_private(directory) and path.is_socket():
            return path
    return None


def state_dir(folder: Folder) -> Path:
    """The folder's directory for its log and lock, 0700. Makes it. Raises UnsafeDirectory, OSError."""
    directory = _state_root() / folder_id(folder)
    directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _make_private(directory)
    return directory


def state_dirs() -> list[Path]:
    """The directories of all folders of this user that ever had one."""
    root = _state_root()
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def own_places() -> list[Path]:
    """The directories, real and absolute, below which every folder's notes and sockets are."""
    return [Path(os.path.realpath(place)) for place in (_state_root(), next(_runtime_dirs()))]


def _state_root() -> Path:
    from platformdirs import user_state_path  # noqa: PLC0415 - 10 ms that most commands need not wait for

    return user_state_path("instep", appauthor=False)


def _socket_name(folder: Folder) -> str:
    return folder_id(folder) + ".sock"


def _runtime_dirs() -> Iterator[Path]:
    """The directories that could hold sockets, best first."""
    uid = os.geteuid()
    for runtime in (os.environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{uid}"):
        directory = Path(runtime, "instep")
        length = len(os.fsencode(directory)) + len("/") + 32 + len(".sock")
        if runtime.startswith("/") and length <= MAX_SOCKET_PATH_BYTES and _is_own_directory(Path(runtime)):
            yield directory
    yield Path("/tmp", f"instep-{uid}")


def _is_own_directory(path: Path) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and os.access(path, os.W_OK | os.X_OK)


def _is_private(path: Path) -> bool:
    """A directory (no link to one), ours, closed to others: nobody else can have put a socket there."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077


def _make_private(path: Path) -> None:
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise UnsafeDirectory(f"{path} is not a directory of yours, so instep does not use it.") from None
        if found.st_mode & 0o077:
            path.chmod(0o700)
