"""Every invariant is named by the code that upholds it and by a test that would catch its loss."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
INVARIANTS = range(1, 31)

_NAME = re.compile(r"\bI(\d{1,2})\b")
_TEST = re.compile(r"^\s*(?:async )?def (test_\w+)\(", re.MULTILINE)


def _numbers(text: str) -> set[int]:
    return {int(number) for number in _NAME.findall(text)}


def named_by_code() -> set[int]:
    """The invariants that some line of instep says that it upholds."""
    return set[int]().union(*(_numbers(file.read_text()) for file in (ROOT / "src/instep").rglob("*.py")))


def named_by_tests() -> dict[int, list[str]]:
    """For each invariant the tests that name it: in their heading, their docstring or their body; what
    stands before a file's first test names it for all of them."""
    found: dict[int, list[str]] = {}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        if file == Path(__file__):
            continue
        text = file.read_text()
        starts = list(_TEST.finditer(text))
        for start, end in zip(starts, [*starts[1:], None], strict=True):
            part = text[start.start() : end.start() if end else len(text)]
            for number in _numbers(part):
                found.setdefault(number, []).append(f"{file.relative_to(ROOT)}::{start[1]}")
    return found


@pytest.fixture(scope="module")
def tests() -> dict[int, list[str]]:
    return named_by_tests()


def test_each_invariant_has_a_test_that_names_it(tests: dict[int, list[str]]) -> None:
    assert [f"I{number}" for number in INVARIANTS if number not in tests] == []


def test_each_invariant_is_named_by_the_code_that_upholds_it() -> None:
    named = named_by_code()
    assert [f"I{number}" for number in INVARIANTS if number not in named] == []


def test_no_other_number_is_named(tests: dict[int, list[str]]) -> None:
    assert sorted((named_by_code() | tests.keys()) - set(INVARIANTS)) == []


def test_the_page_on_guarantees_names_tests_that_name_each_invariant() -> None:
    page = (ROOT / "docs/guarantees.md").read_text()
    rows = {int(number): row for number, row in re.findall(r"^\| I(\d+) \|(.*)$", page, re.MULTILINE)}
    assert sorted(rows) == list(INVARIANTS)
    for number, row in rows.items():
        files = re.findall(r"`([a-z_]+/test_[a-z_]+\.py)`", row)
        assert files, f"I{number} has no test on the page"
        for file in files:
            assert number in _numbers((ROOT / "tests" / file).read_text()), f"{file} does not name I{number}"
