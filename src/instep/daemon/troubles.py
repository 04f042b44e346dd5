"""Who is in trouble, as health conditions: a fault of the machine is named once, whoever it hit.

When the disk is full, five steps meet it. That is one condition, and it holds until none of them is hit any
more (I26). So is a damaged repository. Whatever else goes wrong in a step is a condition of that step.
"""

import asyncio
import sys
import traceback
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

from instep.core.errors import error_sentence
from instep.core.faults import fault_of
from instep.git.donor import damage_in

MET_LATELY_S = 10.0
"""What failed once, and has nobody who tries it again, counts as mended after this time."""

Condition = tuple[str, str]
"""Code and subject."""


class Conditions(Protocol):
    """The part of the board that is needed here."""

    def raise_condition(self, code: str, subject: str = "", detail: str = "") -> None: ...
    def clear_condition(self, code: str, subject: str = "") -> None: ...


class Troubles:
    """For the event loop."""

    def __init__(self, board: Conditions, *, met_lately_s: float = MET_LATELY_S) -> None:
        self._board = board
        self._of: dict[str, Condition] = {}
        self._met_lately_s = met_lately_s
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def failed(self, who: str, error: BaseException) -> bool:
        """Name what went wrong; whether the machine is to blame."""
        fault = fault_of(error)
        if fault is None and (damage := damage_in(error)) is not None:
            self._note(who, ("repository-broken", ""), damage.text)
            return False
        if fault is None:
            self._note(who, ("step-failed", who), error_sentence(error))
            return False
        self._note(who, (fault.code, ""), fault.detail)
        return True

    def met(self, who: str, error: BaseException) -> bool:
        """A fault of the machine, if that is what it is, is named for a while, each time anew."""
        if fault_of(error) is None:
            return False
        if (timer := self._timers.pop(who, None)) is not None:
            timer.cancel()
        self._timers[who] = asyncio.get_running_loop().call_later(self._met_lately_s, self.mended, who)
        return self.failed(who, error)

    def mended(self, who: str) -> None:
        """It works again."""
        self._clear([self._of.pop(who)] if who in self._of else [])

    def ended(self, code: str) -> None:
        """It works again for all who met this."""
        for who in [who for who, condition in self._of.items() if condition[0] == code]:
            self.mended(who)

    def _note(self, who: str, condition: Condition, detail: str) -> None:
        old = self._of.get(who)
        is_said = condition in self._of.values() and condition[0] != "step-failed"
        self._of[who] = condition
        if not is_said:  # each that is hit has other words for it, and they would fill the log
            self._board.raise_condition(*condition, detail)
        self._clear([old] if old is not None else [])

    def _clear(self, conditions: Iterable[Condition]) -> None:
        for condition in conditions:
            if condition not in self._of.values():
                self._board.clear_condition(*condition)


def print_traceback(error: BaseException) -> None:
    """To the process's output, which is a file: it may be on the very disk that is full."""
    with suppress(OSError, MemoryError):
        traceback.print_exception(error, file=sys.stderr)
