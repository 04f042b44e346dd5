"""`instep up` on a place that can not be a folder, or without what it needs: one sentence, and no change."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

UP = (sys.executable, "-m", "instep", "up")


def said(*command: str | Path, path: str | None = None) -> tuple[int, list[str]]:
    """What a command ended with, and the lines on its standard error."""
    environment = os.environ | ({} if path is None else {"PATH": path})
    words = [str(word) for word in command]
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=environment)
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


def mounted(place: Path, options: str, before: str = "true") -> tuple[str, ...]:
    """A command that runs the rest with a small filesystem mounted at `place`, where only it sees that."""
    script = f'mount -t tmpfs -o {options} tmpfs "{place}" && cd "{place}" && {before} && exec "$@"'
    return ("unshare", "-m", "sh", "-c", script, "sh")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def test_a_read_only_disk(place: Path) -> None:  # I26
    way_out = f"Make it writable: mount -o remount,rw (where it is mounted says: findmnt -T {place})"
    sentence = f"{place} is on a filesystem that is mounted read-only."
    assert said(*mounted(place, "ro"), *UP, place) == (2, [sentence, way_out])
    assert said(*mounted(place, "ro"), *UP, place / "new") == (2, [sentence, way_out])


@pytest.mark.parametrize("options", ["size=300k", "nr_inodes=1"])
def test_a_full_disk(place: Path, options: str) -> None:  # I26
    status, [sentence, _] = said(*mounted(place, options), *UP, place)
    assert (status, sentence) == (2, f"There is no space left where {place} is.")


@pytest.mark.parametrize(("mode", "what"), [(0o000, "read"), (0o500, "written")])
def test_no_permission(place: Path, mode: int, what: str) -> None:
    place.chmod(mode)
    without = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    status, [sentence, way_out] = said(*without, *UP, place)
    assert (status, sentence) == (2, f"{place} can't be {what}: permission denied.")
    assert way_out == f"Change its permissions: chmod u+rwx {place}"
    place.chmod(0o700)
    assert list(place.iterdir()) == []


def test_a_place_where_nothing_can_be_made() -> None:
    expected = ["/proc/nothing can't be made: No such file or directory.", "Choose another place."]
    assert said(*UP, "/proc/nothing") == (2, expected)


def test_no_git(place: Path, tmp_path: Path) -> None:
    expected = ["git is not installed.", "Install it, version 2.39 or newer."]
    assert said(*UP, place, path=str(tmp_path)) == (2, expected)


def test_an_old_git(place: Path, tmp_path: Path) -> None:
    program = tmp_path / "git"
    program.write_text("#!/bin/sh\necho git version 2.30.1\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    expected = ["This git is too old: git version 2.30.1.", "Install 2.39 or newer."]
    assert said(*UP, place, path=f"{tmp_path}:{os.environ['PATH']}") == (2, expected)


def test_the_refused_place_is_as_it_was(place: Path, tmp_path: Path) -> None:
    (place / "file").write_text("1")
    assert said(*UP, place, path=str(tmp_path))[0] == 2
    assert list(place.iterdir()) == [place / "file"]


@pytest.mark.parametrize(
    ("version", "words"),
    [(None, "git-annex is not installed."), ("8.20210223", "git-annex 8.20210223 is too old")],
)
def test_no_git_annex_or_an_old_one(place: Path, tmp_path: Path, version: str | None, words: str) -> None:
    if version:
        program = tmp_path / "git-annex"
        program.write_text(f"#!/bin/sh\nprintf {version}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    script = (
        "import sys, sysconfig\n"
        "sys.modules['git_annex'] = None\n"  # as if the package were not installed
        f"sysconfig.get_path = lambda name: {str(tmp_path)!r}\n"
        "from instep.cli.main import main; main()"
    )
    command = (sys.executable, "-c", script, "up", place)
    status, [sentence, way_out] = said(*command, path=f"{tmp_path}:/usr/bin:/bin")
    assert status == 2
    assert sentence.startswith(words)
    assert way_out == "Install it: pip install --upgrade git-annex"
    assert list(place.iterdir()) == []
