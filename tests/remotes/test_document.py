"""docs/link-protocol.md says what the code does."""

from pathlib import Path

import pytest

from instep.remotes.dial import PREAMBLE
from instep.remotes.frames import MAX_OBJECT_BYTES, PROTOCOL, lane_of
from instep.remotes.liveness import Keepalive
from instep.remotes.wire import MAX_FRAME, MAX_HELLO
from tests.remotes.document import frame_types, heading, number, table
from tests.remotes.samples import SAMPLES

DOCUMENT = Path(__file__).parents[2] / "docs/link-protocol.md"


@pytest.mark.parametrize("frame", frame_types(), ids=lambda frame: frame.__name__)
def test_every_frame_and_field_is_described(frame: type) -> None:
    section = _section(heading(frame))
    assert table(frame) in section, f"the document should have:\n{heading(frame)}\n{table(frame)}"
    (sample,) = (each for each in SAMPLES if type(each) is frame)
    assert f"\nLane {lane_of(sample).name}.\n" in section


def test_no_other_frame_is_described() -> None:
    headings = [line + "\n" for line in _text().splitlines() if line.startswith("### ") and line[4].isdigit()]
    assert headings == [heading(frame) for frame in frame_types()]


def test_numbers_are_dense_and_unique() -> None:
    assert [number(frame) for frame in frame_types()] == list(range(1, len(frame_types()) + 1))


def test_figures_are_the_codes() -> None:
    text = _text()
    for figure in (MAX_FRAME, MAX_HELLO):
        assert f"{figure:,} " in text or f"{figure:,}." in text
    assert f"version {PROTOCOL}\n" in text
    assert PREAMBLE.decode().strip() in text
    assert f"{len(PREAMBLE)} bytes" in text
    assert f"an object over {MAX_OBJECT_BYTES >> 20} MiB" in " ".join(text.split())
    told = Keepalive()
    for seconds, words in (
        (told.quiet_s, "sent nothing for {} seconds"),
        (told.answer_s, "within {} seconds"),
        (told.dead_s, "nothing came for {} seconds"),
        (told.hello_s, "waits {} seconds for `Hello`"),
    ):
        assert words.format(f"{seconds:.0f}") in text


def _text() -> str:
    return DOCUMENT.read_text()


def _section(title: str) -> str:
    text = _text()
    assert title in text, f"the document lacks {title!r}"
    begin = text.index(title)
    return text[begin : text.index("\n##", begin + 1)]
