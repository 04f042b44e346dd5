"""Why a change of the work tree was not made: a reason for the program, a sentence for a person."""

import errno
from enum import Enum

from instep.core.status import shown
from instep.core.types import RelPath


class Reason(Enum):
    """The value completes the sentence "NAME ...". The first five mean that somebody was here."""

    EXISTS = "exists already"
    CHANGED = "was changed meanwhile"
    OPEN = "is open for writing in some program"
    IS_DIRECTORY = "is a directory"
    NOT_DIRECTORY = "lies below a name that is not a directory"
    SYMLINKED_PARENT = "lies below a symbolic link"
    NAME_TAKEN = "has a name that this disk takes for another one's"
    NAME_IMPOSSIBLE = "has a name that the file system can't hold"
    PERMISSION = "can't be changed: no permission"
    OTHER_FILESYSTEM = "is on another file system than the folder"


_REASONS = {
    errno.ENOENT: Reason.CHANGED,
    errno.ESTALE: Reason.CHANGED,
    errno.EEXIST: Reason.EXISTS,
    errno.EISDIR: Reason.IS_DIRECTORY,
    errno.ENOTDIR: Reason.NOT_DIRECTORY,
    errno.ELOOP: Reason.SYMLINKED_PARENT,
    errno.ENAMETOOLONG: Reason.NAME_IMPOSSIBLE,
    errno.EINVAL: Reason.NAME_IMPOSSIBLE,
    errno.EILSEQ: Reason.NAME_IMPOSSIBLE,
    errno.EACCES: Reason.PERMISSION,
    errno.EPERM: Reason.PERMISSION,
    errno.EXDEV: Reason.OTHER_FILESYSTEM,
    errno.EAGAIN: Reason.OPEN,
}


class Refused(Exception):
    """What stands at `path` was left as it was, and nothing else was lost."""

    def __init__(self, path: RelPath, reason: Reason) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{shown(self.path)} {self.reason.value}"


class Refusing:
    """`with Refusing(path)`: an OSError about this path alone becomes Refused; EIO, ENOSPC, EROFS and such
    stay, for the next path would meet them too."""

    __slots__ = ("_path",)

    def __init__(self, path: RelPath) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, OSError) and error.errno in _REASONS:
            raise Refused(self._path, _REASONS[error.errno]) from error
