"""Is the folder still where it was? If not, nothing in it may be believed, and nothing be made there. # I2"""

import os

from instep.core.errors import InstepError
from instep.core.types import RemoteUuid
from instep.steps.look import ABSENT, root_is_whole
from instep.steps.state import FolderState


class FolderGone(InstepError):
    """The folder was moved, deleted or unmounted; the process lets go of it, and waits until it is back."""

    def __init__(self, uuid: RemoteUuid) -> None:
        super().__init__("It was moved, deleted or unmounted.")
        self.uuid = uuid
        """By which it is known again."""


def is_gone(state: FolderState) -> bool:
    """Whether its path leads elsewhere, or its repository is not in it any more.

    OSError if that can't be found out: a disk that fails, or a directory that is closed.
    """
    if not root_is_whole(state.work_tree.root, state.work_tree.root_fd):
        return True
    try:
        os.stat(state.repo.git_dir + b"/HEAD")
    except OSError as error:
        if error.errno not in ABSENT:
            raise
        return True
    return False
