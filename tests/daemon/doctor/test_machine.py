"""Each check of the machine: all well where these tests can run, and its own trouble where that is."""

import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from instep.daemon.doctor import MACHINE
from instep.daemon.doctor import machine as checks


def test_a_machine_that_can_run_this() -> None:
    needed = [check for check in MACHINE if check.__name__ != "ssh"]
    assert [finding.severity for check in needed for finding in check()] == ["good"] * len(needed)


@pytest.mark.parametrize(
    ("now_s", "code"), [(0, "clock-wrong"), (1_800_000_000, ""), (2_085_978_496, ""), (2**32, "clock-wrong")]
)
def test_the_clock(now_s: int, code: str) -> None:  # I20
    assert [finding.code for finding in checks.clock(now_s)] == [code]


def _seen_with(check: str, environment: dict[str, str], before: str = "") -> str:
    program = (
        f"{before}\nfrom instep.daemon.doctor.machine import {check}\n"
        f"for finding in {check}(): print(finding.code, finding.text)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, check=True, text=True, env=os.environ | environment)
    return done.stdout


def test_no_git(tmp_path: Path) -> None:
    assert _seen_with("git", {"PATH": str(tmp_path)}).startswith("program-unusable git can't be used")


def test_an_old_git(tmp_path: Path) -> None:
    program = tmp_path / "git"
    program.write_text("#!/bin/sh\necho git version 2.30.1\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    said = _seen_with("git", {"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert "too old: git version 2.30.1" in said


def test_few_open_files() -> None:
    low = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({checks.ENOUGH_OPEN_FILES - 1},) * 2)"
    )
    assert _seen_with("open_files", {}, low).startswith("open-files-limit ")
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= checks.ENOUGH_OPEN_FILES


def test_no_place_for_logs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = _seen_with("own_places", {"XDG_STATE_HOME": str(tmp_path / "file")})
    assert said.startswith("own-place-unusable ")
    assert "Not a directory" in said


def test_no_ssh(tmp_path: Path) -> None:
    assert _seen_with("ssh", {"PATH": str(tmp_path)}).startswith("ssh-missing ")
