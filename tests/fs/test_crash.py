"""A process ends at the step that it was told to, and at no other; one that was told nothing goes on."""

import os
import signal
import subprocess
import sys

import pytest

from instep.fs.crash import VARIABLE, Point, passing

PASS_ALL_TWICE = """
from instep.fs.crash import Point, passed
for point in [*Point, *Point]:
    print(point, flush=True)
    passed(point)
"""


def passed_before_the_end(wanted: str) -> tuple[int, list[str]]:
    """How a process that passes every point twice ends, and the points that it came to."""
    done = subprocess.run(
        [sys.executable, "-c", PASS_ALL_TWICE],
        env=os.environ | {VARIABLE: wanted},
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout.decode().split()


def test_it_is_killed_where_it_was_told() -> None:
    names = [str(point) for point in Point]
    assert passed_before_the_end("") == (0, names * 2)
    assert passed_before_the_end("exchanged") == (-signal.SIGKILL, names[: names.index("exchanged") + 1])
    code, came_to = passed_before_the_end("exchanged:2")
    assert (code, came_to) == (-signal.SIGKILL, names + names[: names.index("exchanged") + 1])


def test_a_step_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="no-such-step"):
        passing("no-such-step")
