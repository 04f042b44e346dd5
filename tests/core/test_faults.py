"""Errors of every make become the condition that they stand for, or none."""

import errno
import os

import pytest

from instep.core.errors import InstepError
from instep.core.faults import fault_of, try_again
from instep.core.health import CONDITIONS


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk-full"),
        (errno.EDQUOT, "disk-full"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "disk-failing"),
        (errno.EMFILE, "files-exhausted"),
        (errno.ENFILE, "files-exhausted"),
        (errno.ENOMEM, "memory-exhausted"),
    ],
)
def test_what_the_kernel_says(number: int, code: str) -> None:  # I26
    error = OSError(number, os.strerror(number), b"/a\xff")
    fault = fault_of(error)
    assert fault is not None
    assert fault.code == code
    assert code in CONDITIONS
    assert fault.detail.endswith(": /a\\xff")
    said_by_git = fault_of(InstepError(f"Unable to create 'x.lock': {os.strerror(number)}"))
    assert said_by_git is not None
    assert said_by_git.code == code


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_permission_is_told_by_its_number_only(number: int) -> None:
    fault = fault_of(OSError(number, os.strerror(number), b"/a/.git/index.lock"))
    assert fault is not None
    assert fault.code == "permission-denied"
    assert fault.code in CONDITIONS
    assert fault_of(InstepError("me@far: Permission denied (publickey).")) is None


def test_what_python_says() -> None:
    for error in (MemoryError(), RuntimeError("can't start new thread")):
        fault = fault_of(error)
        assert fault is not None
        assert fault.code == "memory-exhausted"


def test_what_git_says_without_a_reason() -> None:
    text = "failed to write new configuration file /a/.git/config.lock"
    assert try_again(text, "") == "Free some space there, and try again."


def test_what_lies_behind() -> None:
    error = InstepError("git can't be started")
    error.__cause__ = OSError(errno.EMFILE, "Too many open files")
    fault = fault_of(ExceptionGroup("several", [ValueError("no"), ExceptionGroup("inner", [error])]))
    assert fault is not None
    assert fault.code == "files-exhausted"


@pytest.mark.parametrize(
    "error", [ValueError("x"), OSError(errno.ENOTCONN, "no"), OSError("no number"), RuntimeError("dead")]
)
def test_other_errors_are_none(error: Exception) -> None:
    assert fault_of(error) is None


@pytest.mark.parametrize(
    ("number", "way_out"),
    [
        (errno.ENOSPC, "Free some space"),
        (errno.EROFS, "Make it writable"),
        (errno.EIO, "Check the disk"),
        (errno.EMFILE, "ulimit -n"),
        (errno.ENOMEM, "ulimit -v"),
    ],
)
def test_the_way_out_for_who_has_to_try_again(number: int, way_out: str) -> None:  # I26
    words = os.strerror(number)
    for error in (OSError(number, words), f"could not write: {words}"):
        assert way_out in try_again(error, "Install it.")
    assert try_again("it said nothing", "Install it.") == "Install it."
