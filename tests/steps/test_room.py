"""Room on the disk: what does not fit waits, and a disk that is full all the same is tried again."""

import errno
from pathlib import Path

import pytest

from instep.core.types import RelPath
from instep.steps.room import Room
from tests.steps.side import Recorder

pytestmark = pytest.mark.anyio
FILM = RelPath(b"film")


def room(place: Path, board: Recorder, reserve_bytes: int = 0) -> Room:
    return Room(bytes(place / "staging"), lambda: reserve_bytes, board, look_every_s=0.001)


async def test_what_fits_is_written_at_once(tmp_path: Path) -> None:
    written: list[bool] = []

    async def write() -> None:
        written.append(True)

    await room(tmp_path, board := Recorder()).make(FILM, lambda: 1, write)
    assert (written, board.conditions) == ([True], {})


async def test_what_does_not_fit_waits_and_is_named(tmp_path: Path) -> None:  # I26
    board, needs = Recorder(), [1 << 60, 1 << 60, 1 << 60, 1]
    said: list[str] = []

    def need() -> int:
        said.extend(board.conditions.values())
        return needs.pop(0) if len(needs) > 1 else 1

    async def write() -> None: ...

    await room(tmp_path, board).make(FILM, need, write)
    assert "it needs 1153 PB" in said[0]
    assert board.conditions == {}


async def test_the_reserve_stays_free(tmp_path: Path) -> None:
    board, reserve = Recorder(), [1 << 60, 0]
    guarded = Room(
        bytes(tmp_path / "x"), lambda: reserve.pop(0) if len(reserve) > 1 else 0, board, look_every_s=0.001
    )

    async def write() -> None: ...

    await guarded.make(FILM, lambda: 1, write)
    assert ("low-space", "film") in board.cleared


async def test_a_full_disk_is_tried_again_and_other_errors_are_not(tmp_path: Path) -> None:  # I26
    board, errors = Recorder(), [errno.ENOSPC, errno.EDQUOT, errno.EIO]

    async def write() -> None:
        raise OSError(errors.pop(0), "no")

    with pytest.raises(OSError, match="no"):
        await room(tmp_path, board).make(FILM, lambda: 1, write)
    assert errors == []
    assert board.conditions == {}
