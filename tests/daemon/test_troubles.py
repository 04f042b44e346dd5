"""A fault that hits several is named once, and as long as it hits any."""

import anyio
import pytest

from instep.core.errors import InstepError
from instep.core.types import Oid
from instep.daemon.troubles import Troubles
from instep.git.errors import GitError, MissingObject

pytestmark = pytest.mark.anyio

FULL = OSError(28, "No space left on device")
READ_ONLY = OSError(30, "Read-only file system")


class Conditions:
    """What holds, and how often it was said that one does not any more."""

    def __init__(self) -> None:
        self.now: dict[tuple[str, str], str] = {}
        self.cleared = 0
        self.empty = anyio.Event()

    def raise_condition(self, code: str, subject: str = "", detail: str = "") -> None:
        self.now[code, subject] = detail

    def clear_condition(self, code: str, subject: str = "") -> None:
        self.cleared += 1
        self.now.pop((code, subject), None)
        self.empty.set()


async def test_it_holds_until_nobody_is_hit() -> None:  # I26 I29
    board = Conditions()
    troubles = Troubles(board)
    assert troubles.failed("commit", FULL)
    assert troubles.failed("index", FULL)
    troubles.mended("commit")
    assert list(board.now) == [("disk-full", "")]
    troubles.mended("index")
    troubles.mended("index")
    assert not board.now


async def test_the_same_again_is_not_mended_in_between() -> None:
    board = Conditions()
    troubles = Troubles(board)
    troubles.failed("commit", FULL)
    troubles.failed("commit", FULL)
    assert board.cleared == 0
    troubles.failed("commit", READ_ONLY)
    assert list(board.now) == [("read-only", "")]


async def test_what_is_no_fault_of_the_machine_is_one_of_the_step() -> None:
    board = Conditions()
    troubles = Troubles(board)
    assert not troubles.failed("merge", InstepError("words"))
    assert board.now == {("step-failed", "merge"): "words"}
    assert not troubles.met("link", InstepError("words"))
    assert len(board.now) == 1


async def test_a_damaged_repository_is_named_once_and_mended_for_all() -> None:  # I29
    board = Conditions()
    troubles = Troubles(board)
    assert not troubles.failed("merge", MissingObject(Oid(bytes(20))))
    troubles.failed("index", GitError("object file .git/objects/12/34 is empty"))
    troubles.failed("commit", FULL)
    assert {code for code, _ in board.now} == {"repository-broken", "disk-full"}
    troubles.ended("repository-broken")
    assert list(board.now) == [("disk-full", "")]


async def test_what_was_met_once_is_forgotten() -> None:
    board = Conditions()
    troubles = Troubles(board, met_lately_s=0.01)
    assert troubles.met("link", FULL)
    assert board.now
    with anyio.fail_after(30):
        await board.empty.wait()
    assert not board.now
