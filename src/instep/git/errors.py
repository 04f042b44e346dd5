"""What can go wrong between instep and git, in git's own words where git has some."""

from instep.core.errors import InstepError
from instep.core.types import Oid


class GitError(InstepError):
    """git refused or failed; `text` is git's sentence, without its `fatal:`.

    `status` is git's exit status (negative: the signal that ended it; None: git could not even be started).
    """

    def __init__(self, text: str, fix: str = "", *, status: int | None = None) -> None:
        super().__init__(text, fix)
        self.status = status


class NotARepository(GitError):
    """The folder is not itself the top of a git work tree, nor a bare repository."""


class MissingObject(GitError):
    """An object that something names is not in the store."""

    def __init__(self, oid: Oid) -> None:
        super().__init__(
            f"The object {oid.hex()} is missing from the repository.", "git fsck says what needs it."
        )
        self.oid = oid


class WrongKind(GitError):
    """An object is not of the kind that what names it says."""


class RefMoved(GitError):
    """A ref is not where the caller believed it to be; nothing was changed. Read it and decide again."""

    def __init__(self, name: str, expected: Oid | None, actual: Oid | None) -> None:
        was, now = (oid.hex() if oid else "absent" for oid in (expected, actual))
        super().__init__(f"{name} was expected to be {was}, but is {now}.")
        self.name = name
        self.expected = expected
        self.actual = actual


class IndexBusy(GitError):
    """Somebody holds `index.lock`: a git command that runs now, or one that died. Nothing was changed."""


class UnsupportedIndex(GitError):
    """An index that instep does not write by itself (split, sparse, broken): let git update it."""


def sentence(stderr: bytes, otherwise: str) -> str:
    """The line of git's or git-annex's complaints that says most: the first fatal or error line, without its
    prefix."""
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    for prefix in ("fatal: ", "error: ", "git-annex: "):
        for line in lines:
            if line.startswith(prefix):
                return line.removeprefix(prefix)
    return lines[-1] if lines else otherwise
