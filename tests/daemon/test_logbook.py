"""Lines are written whole, in order, rotated by size, and read back; a full disk stops nothing."""

import json
import threading
from pathlib import Path

import pytest

from instep.daemon import logbook
from instep.daemon.follow import follow_lines
from instep.daemon.logbook import Logbook, for_person, old_file, parse_lines, read_lines
from tests.system.harness import eventually


def texts(path: Path) -> list[str]:
    return [line["text"] for line in read_lines(path)]


def test_a_line_has_time_event_words_and_facts(tmp_path: Path) -> None:
    book = Logbook(tmp_path / "log", clock=lambda: 1_700_000_000.25)
    book.append("commit", "Recorded 2 files", {"commit": "aa", "files": 2, "raw": b"x"})
    book.close(within_s=60)
    assert json.loads((tmp_path / "log").read_text()) == {
        "time": "2023-11-14T22:13:20.250Z",
        "event": "commit",
        "text": "Recorded 2 files",
        "commit": "aa",
        "files": 2,
        "raw": "b'x'",
    }


def test_lines_come_back_in_order(tmp_path: Path) -> None:
    book = Logbook(tmp_path / "log")
    for number in range(500):
        book.append("e", str(number), {})
    book.close(within_s=60)
    assert texts(tmp_path / "log") == [str(number) for number in range(500)]


def test_it_is_rotated_by_size(tmp_path: Path) -> None:
    path = tmp_path / "log"
    for number in range(6):
        book = Logbook(path, max_file_bytes=10)
        book.append("e", str(number), {})
        book.close(within_s=60)
    assert texts(path) == ["3", "4", "5"]
    assert not old_file(path, 3).exists()


def test_what_can_not_be_written_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # I26 I29
    monkeypatch.setattr(logbook, "AGAIN_S", 0.01)
    path = tmp_path / "later/log"
    book = Logbook(path)
    book.append("e", "early", {})
    path.parent.mkdir()
    eventually(lambda: texts(path) == ["early"], "it is written, and nothing else came")
    book.append("e", "late", {})
    book.close(within_s=60)
    assert texts(path) == ["early", "late"]


def test_what_waits_for_too_long_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # I26
    monkeypatch.setattr(logbook, "MAX_WAITING", 3)
    monkeypatch.setattr(logbook, "AGAIN_S", 0.01)
    path = tmp_path / "later/log"
    book = Logbook(path)
    for number in range(5):
        book.append("e", str(number), {})
    path.parent.mkdir()
    eventually(lambda: texts(path) == ["0", "1", "2"], "they are written")
    book.close(within_s=60)
    assert sum(line.get("dropped", 0) for line in read_lines(path)) == 2


def test_a_torn_line_and_nonsense_are_passed_over() -> None:
    data = b'{"text":"a"}\nnonsense\n[1]\n{"text":"b"}\n{"text":"to'
    assert [line["text"] for line in parse_lines(data)] == ["a", "b"]


def test_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    line = {"time": "2023-11-14T22:13:20.250Z", "event": "e", "text": "Words"}
    assert for_person(line).endswith("  Words")
    assert for_person({"text": "no time"}).endswith("  no time")


def test_following_misses_nothing_across_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "log"
    first = Logbook(path)
    first.append("e", "0", {})
    first.close()
    pieces = follow_lines(path)
    seen = [line["text"] for line in next(pieces)]
    assert seen == ["0"]

    def write() -> None:
        for number in range(1, 20):
            book = Logbook(path, max_file_bytes=1000)
            book.append("e", str(number), {})
            book.close(within_s=60)

    writer = threading.Thread(target=write)
    writer.start()
    while seen[-1] != "19":
        seen += [line["text"] for line in next(pieces)]
    writer.join()
    pieces.close()
    assert seen == [str(number) for number in range(20)]


def test_following_a_log_that_is_not_there_yet(tmp_path: Path) -> None:
    path = tmp_path / "log"
    pieces = follow_lines(path)
    assert next(pieces) == []
    book = Logbook(path)
    book.append("e", "first", {})
    book.close(within_s=60)
    assert [line["text"] for line in next(pieces)] == ["first"]
    pieces.close()
