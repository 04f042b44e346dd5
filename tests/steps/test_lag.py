"""The lag book survives the process, and only what was saved counts."""

from pathlib import Path

from instep.core.types import MODE_FILE, Entry, Oid, RelPath
from instep.fs.read import NotCaptured
from instep.fs.refused import Reason, Refused
from instep.steps.lag import Cause, Lag, LagBook

ONE = Entry(MODE_FILE, Oid(b"1" * 20))
SINCE = Oid(b"c" * 20)
PATH = RelPath(b"odd\n\xff name")


def book(tmp_path: Path) -> LagBook:
    return LagBook(bytes(tmp_path / "lag"))


def test_what_was_saved_is_there_again(tmp_path: Path) -> None:  # I27
    first = book(tmp_path)
    first.add(PATH, Lag(ONE, SINCE, Cause.CONTENT, "why"))
    first.add(RelPath(b"new"), Lag(None, None, Cause.BLOCKED))
    first.save()
    again = book(tmp_path)
    assert again.paths == first.paths


def test_what_was_dropped_is_gone(tmp_path: Path) -> None:
    first = book(tmp_path)
    first.add(PATH, Lag(ONE, SINCE, Cause.BUSY))
    first.save()
    first.drop(PATH)
    first.save()
    assert PATH not in book(tmp_path)


def test_an_edit_moves_the_ground(tmp_path: Path) -> None:  # I5
    first = book(tmp_path)
    first.add(PATH, Lag(ONE, SINCE, Cause.CONTENT))
    first.moved(PATH, None, Oid(b"d" * 20))
    assert first.paths[PATH] == Lag(None, Oid(b"d" * 20), Cause.CONTENT)


def test_a_torn_book_is_an_empty_one(tmp_path: Path) -> None:  # I27
    (tmp_path / "lag").write_bytes(b"\x93torn")
    assert len(book(tmp_path)) == 0


def test_why_a_name_that_is_no_text_lags_can_be_written_down(tmp_path: Path) -> None:  # I3
    for error in (Refused(RelPath(b"\xff"), Reason.OPEN), NotCaptured(RelPath(b"\xff"))):
        first = book(tmp_path)
        first.add(PATH, Lag(ONE, SINCE, Cause.BLOCKED, str(error)))
        first.save()
        assert book(tmp_path).paths == first.paths
