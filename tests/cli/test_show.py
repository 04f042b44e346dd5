"""A status in words: everything is said, and nothing twice."""

import io

import msgspec
from rich.console import Console

from instep.cli.live import live_view, picture
from instep.cli.show import Facts, change_line, status_lines
from instep.daemon.board import StatusBoard


class Silent:
    def append(self, event: str, text: str, facts: dict[str, object]) -> None:
        pass


def busy() -> Facts:
    board = StatusBoard("/home/me/Photos", Silent())
    board.started()
    board.pending("changes to commit", 3)
    board.remote("nas", url="/mnt/nas", reachable=True, outstanding=["2 files"])
    board.remote("usb", url="/media/usb")
    board.remote("desk", url="/desk", reachable=True, in_step=True)
    board.transfer(
        "1", remote="nas", path="film.mkv", direction="send", done_bytes=12_000_000, total_bytes=70_000_000
    )
    board.raise_condition("left-alone-special", "pipe", "FIFO")
    return msgspec.to_builtins(board.status())


def test_everything_is_said_once() -> None:
    assert status_lines(busy()) == [
        "/home/me/Photos: syncing (3 changes to commit)",
        "  desk  /desk  in step",
        "  nas   /mnt/nas  2 files",
        "  usb   /media/usb  not reachable",
        "  -> nas: film.mkv 12.0 of 70.0 MB",
        "! pipe is a FIFO and is left alone.",
        "  Nothing to do; add it to .gitignore to hide this.",
    ]


def test_one_line_per_change() -> None:
    assert change_line(busy()) == (
        "syncing (3 changes to commit); nas: 2 files; usb: not reachable; -> nas: film.mkv 12.0 of 70.0 MB; "
        "pipe is a FIFO and is left alone."
    )


def test_no_remotes_yet() -> None:
    board = StatusBoard("/f", Silent())
    board.started()
    assert status_lines(msgspec.to_builtins(board.status())) == [
        "/f: in step",
        "  It has no remotes yet. Add one: instep up DIR REMOTE",
    ]


def test_nothing_is_said_of_remotes_before_they_are_known() -> None:  # I29
    board = StatusBoard("/f", Silent())
    (line,) = status_lines(msgspec.to_builtins(board.status()))
    assert line == "/f: syncing (starting)"


def test_the_picture_has_a_bar_and_every_word() -> None:
    screen = Console(file=io.StringIO(), width=120)
    screen.print(picture(busy()))
    assert isinstance(screen.file, io.StringIO)
    text = screen.file.getvalue()
    for word in ("syncing", "not reachable", "film.mkv", "12.0/70.0 MB", "━", "pipe is a FIFO"):
        assert word in text


def test_the_live_view_ends_with_the_statuses() -> None:
    live_view(iter([busy()]))
