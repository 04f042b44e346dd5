"""What can go wrong between instep and git-annex."""

from instep.core.errors import InstepError


class AnnexError(InstepError):
    """git-annex refused or failed, or a repository is not one that instep can work with.

    `status` is git-annex's exit status where it ran.
    """

    def __init__(self, text: str, fix: str = "", *, status: int | None = None) -> None:
        super().__init__(text, fix)
        self.status = status


class AnnexMissing(AnnexError):
    """There is no git-annex, or one that is too old."""


class NotAnnexed(AnnexError):
    """The repository was never initialised for git-annex."""

    def __init__(self, where: str) -> None:
        super().__init__(f"{where} is not a git-annex repository yet.", "Run: git annex init")


class MergeRefused(AnnexError):
    """Two git-annex branches that only git-annex itself may merge; nothing was changed."""


class Unsupported(AnnexError):
    """Something about a repository that instep can't work with."""


class SettingError(AnnexError):
    """A setting that instep does not understand; it never guesses. `setting` is its name."""

    def __init__(self, setting: str, text: str, fix: str = "") -> None:
        super().__init__(text, fix)
        self.setting = setting
