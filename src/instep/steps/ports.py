"""What the steps need from the rooms above them, as prose and types."""

from typing import Protocol


class Board(Protocol):
    """Where a step says what it does. Every call is cheap, never blocks and may come from any task of the
    event loop (not from a worker thread); saying the same thing twice changes nothing."""

    def head(self, commit: str | None) -> None:
        """The folder's branch stands here now (hex)."""

    def activity(self, step: str, text: str | None) -> None:
        """What a step is doing at the moment; None when it is idle."""

    def pending(self, what: str, count: int) -> None:
        """How much of something is still to be done; 0 clears it."""

    def remote(self, name: str, **facts: object) -> None:
        """Facts about one remote: url, uuid, reachable, in_step, outstanding, reason."""

    def transfer(
        self, ident: str, *, remote: str, path: str, direction: str, done_bytes: int, total_bytes: int
    ) -> None:
        """A transfer's progress."""

    def transfer_done(self, ident: str) -> None:
        """That transfer is over, well or not."""

    def raise_condition(self, code: str, subject: str = "", detail: str = "") -> None:
        """Something a person should know (`core/health.py` declares the codes)."""

    def clear_condition(self, code: str, subject: str = "") -> None:
        """It is mended."""

    def log(self, event: str, text: str, **facts: object) -> None:
        """One line of `instep log`: words for a person, facts for `--json`."""
