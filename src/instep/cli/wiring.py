"""What the command line hands on to the rooms below it; a test's entry script hands in other parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from instep.daemon.process import Launch
    from instep.daemon.service import RunFolder


def _real_run_folder() -> "RunFolder":
    from instep.daemon.opening import FolderWork  # noqa: PLC0415 - most verbs need not load it

    return FolderWork().run


@dataclass
class Wiring:
    """`background`: the command of a background process (None: this program). `run_folder`: gives the
    folder's work, loaded when it is needed."""

    background: Sequence[str] | None = None
    run_folder: "Callable[[], RunFolder]" = _real_run_folder
    _launch: "Launch | None" = None

    def launch(self) -> "Launch":
        """How background processes are started: the same each time."""
        from instep.daemon.process import Launch  # noqa: PLC0415

        if self._launch is None:
            self._launch = Launch() if self.background is None else Launch(self.background)
        return self._launch
