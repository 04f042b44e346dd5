"""The board tells the truth (I29), says each thing once, and wakes whoever watches."""

import anyio
import pytest

from instep.daemon.board import StatusBoard


class Lines:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, object]]] = []

    def append(self, event: str, text: str, facts: dict[str, object]) -> None:
        self.lines.append((event, text, facts))


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def board(lines: Lines) -> StatusBoard:
    board = StatusBoard("/f", lines, clock=lambda: 1000.0)
    board.started()
    return board


def test_not_in_step_before_it_looked(lines: Lines) -> None:  # I29
    status = StatusBoard("/f", lines).status()
    assert (status.in_step, status.state, status.outstanding) == (False, "syncing", ["starting"])


def test_in_step_when_nothing_is_left(board: StatusBoard) -> None:
    board.remote("copy", url="/c", reachable=True, in_step=True)
    status = board.status()
    assert status.in_step
    assert status.state == "in step"
    assert status.outstanding == []


def test_pending_work_is_a_reason(board: StatusBoard) -> None:  # I29
    board.pending("changes to record", 3)
    assert board.status().state == "syncing"
    assert board.status().outstanding == ["3 changes to record"]
    board.pending("changes to record", 0)
    assert board.status().in_step


def test_a_remote_that_is_not_reachable_is_not_in_step(board: StatusBoard) -> None:  # I29
    board.remote("copy", reachable=True, in_step=True)
    board.remote("copy", reachable=False)
    status = board.status()
    assert status.state == "waiting"
    assert not status.remotes[0].in_step
    assert status.remotes[0].reason == "not reachable"
    assert status.outstanding == ["copy: not reachable"]


def test_a_reachable_remote_that_lags_is_being_synced(board: StatusBoard) -> None:
    board.remote("copy", reachable=True, outstanding=["2 commits"])
    board.remote("usb", reason="not plugged in")
    status = board.status()
    assert status.state == "syncing"
    assert status.outstanding == ["copy: 2 commits", "usb: not plugged in"]


def test_paused_only_when_all_that_lags_is_paused(board: StatusBoard) -> None:
    board.remote("copy", paused=True)
    assert board.status().state == "paused"
    board.remote("usb")
    assert board.status().state == "waiting"


def test_transfers_keep_the_folder_from_being_in_step(board: StatusBoard) -> None:  # I29
    board.transfer("1", remote="copy", path="a", direction="send", done_bytes=1, total_bytes=2)
    assert board.status().state == "syncing"
    assert board.status().outstanding == ["a: on its way (copy)"]
    board.transfer_done("1")
    assert board.status().in_step


def test_attention_blocks_and_a_notice_does_not(board: StatusBoard, lines: Lines) -> None:  # I29
    board.raise_condition("left-alone-special", "pipe", "FIFO")
    assert board.status().in_step
    board.raise_condition("file-unreadable", "secret", "Permission denied")
    status = board.status()
    assert status.state == "attention"
    assert [item.code for item in status.attention] == ["file-unreadable", "left-alone-special"]
    assert status.attention[0].fix
    assert status.outstanding == ["secret can't be read: Permission denied"]
    board.clear_condition("file-unreadable", "secret")
    assert board.status().in_step
    assert [event for event, _, _ in lines.lines] == ["notice", "attention", "cleared"]


def test_an_undeclared_condition_is_a_programming_error(board: StatusBoard) -> None:
    with pytest.raises(KeyError):
        board.raise_condition("no-such-thing")


def test_saying_the_same_twice_changes_nothing(board: StatusBoard, lines: Lines) -> None:
    def say() -> None:
        board.head("aa")
        board.activity("commit", "adding")
        board.pending("changes to record", 1)
        board.remote("copy", url="/c")
        board.raise_condition("disk-full", detail="No space")

    say()
    before = board.version
    said = len(lines.lines)
    say()
    assert board.version == before
    assert len(lines.lines) == said


def test_clearing_what_was_not_there_changes_nothing(board: StatusBoard) -> None:
    before = board.version
    board.activity("commit", None)
    board.pending("changes to record", 0)
    board.transfer_done("x")
    board.clear_condition("disk-full")
    board.remote_gone("copy")
    assert board.version == before


def test_reachability_is_logged_once(board: StatusBoard, lines: Lines) -> None:
    board.remote("copy", reachable=True)
    board.remote("copy", reachable=True, in_step=True)
    board.remote("copy", reachable=False, reason="its process is not running")
    assert [text for _, text, _ in lines.lines] == [
        "copy can be reached",
        "copy can't be reached: its process is not running",
    ]


@pytest.mark.anyio
async def test_changed_returns_at_once_or_when_something_happens(board: StatusBoard) -> None:
    version = board.version
    assert await board.changed(version - 1) == version
    seen: list[int] = []

    async def wait() -> None:
        seen.append(await board.changed(version))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        board.head("bb")
    assert seen == [version + 1, version + 1]
