"""What whoever started a folder's process is told: that the folder answers, or why it can't; once."""

import os
import sys
from collections.abc import Callable

from instep.core.errors import InstepError, error_sentence
from instep.core.faults import try_again

Tell = Callable[[dict[str, object]], None]
"""Takes `{"pid": int}` once the folder answers, or `{"error": {"text", "fix", "exit"}}`; called once."""


class Told:
    """Whatever comes after the first message is left out."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.done = False

    def started(self) -> None:
        """The folder answers."""
        self._say({"pid": os.getpid()})

    def failed(self, error: Exception) -> None:
        """It never will."""
        self._say({"error": _facts(error)})

    def _say(self, message: dict[str, object]) -> None:
        if not self.done:
            self.done = True
            self._tell(message)


def _facts(error: Exception) -> dict[str, object]:
    if isinstance(error, InstepError):
        return {"text": error.text, "fix": error.fix, "exit": error.exit_code}
    if not isinstance(error, OSError):
        sys.excepthook(type(error), error, error.__traceback__)
    return {"text": f"It can't be started: {error_sentence(error)}", "fix": try_again(error, ""), "exit": 2}
