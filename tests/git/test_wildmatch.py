"""Patterns of ignore files: lines, and time that no pattern can use up. Meaning is tested in test_ignore."""

import re

import pytest

from instep.git.wildmatch import Pattern, parse, translate


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"", None),
        (b"# comment", None),
        (b"!", None),
        (b"/", None),
        (b"a", Pattern(b"a", False, False, True)),
        (b"!a/", Pattern(b"a", True, True, True)),
        (b"a/b\r", Pattern(b"a/b", False, False, False)),
        (b"/a  ", Pattern(b"a", False, False, False)),
        (b"\\#a", Pattern(b"\\#a", False, False, True)),
        (b"a\\  ", Pattern(b"a\\ ", False, False, True)),
    ],
)
def test_lines(line: bytes, expected: Pattern | None) -> None:
    assert parse(line) == ([expected] if expected else [])


def test_files() -> None:
    assert [pattern.regex for pattern in parse(b"\xef\xbb\xbfa\nb\r\n\nc")] == [b"a", b"b", b"c"]


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        (b"a*" * 30 + b"b", b"a" * 255),
        (b"**/a/" * 20 + b"b", b"a/" * 1000 + b"a"),
        (b"**/a*a*a*/" * 9 + b"b", b"aaaaaaa/" * 500 + b"a"),
        (b"[a-z]*" * 40 + b"/x", b"a" * 255 + b"/y"),
    ],
)
def test_no_pattern_takes_for_ever(pattern: bytes, path: bytes) -> None:
    assert not re.fullmatch(translate(pattern, basename=False), path, re.DOTALL)
