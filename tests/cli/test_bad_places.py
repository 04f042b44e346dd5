"""`instep up` on a place that can not be a folder, or without what it needs: one sentence, and no change."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import GitRunner

pytestmark = pytest.mark.system

UP = (sys.executable, "-m", "instep", "up")


def said(*command: str | Path, path: str | None = None) -> tuple[int, list[str]]:
    """What a command ended with, and the lines on its standard error."""
    environment = os.environ | ({} if path is None else {"PATH": path})
    words = [str(word) for word in command]
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=environment)
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


def program(path: Path, script: str) -> None:
    """Makes a program of a shell script."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


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


@pytest.mark.parametrize("where", ["/proc", "/proc/nothing", "/sys/x"])
def test_a_place_of_the_kernels(where: str) -> None:
    expected = [f"{where} is the kernel's own and no place for files.", "Choose another place."]
    assert said(*UP, where) == (2, expected)


def test_the_whole_computer() -> None:
    read_only = ("unshare", "-m", "sh", "-c", 'mount -o remount,ro,bind / && exec "$@"', "sh")
    assert said(*read_only, *UP, "/") == (2, ["/ is this whole computer.", "Name a folder in it."])


def test_the_home_directory_and_what_it_is_in() -> None:  # I23 I28
    home = Path(os.environ["HOME"])
    status, [sentence, way_out] = said(*UP, home)
    assert (status, way_out) == (2, "Name a folder in it.")
    assert sentence.startswith(f"{home} is your whole home directory, and instep's own notes are in it")
    status, [sentence, way_out] = said(*UP, home.parent)
    assert (status, way_out) == (2, "Name a folder beside them.")
    assert sentence.startswith(f"{home.parent} has instep's own notes in it")
    assert not (home / ".git").exists()


@pytest.mark.parametrize("inside", [".git", ".git/objects", ".git/new"])
def test_inside_a_repository(place: Path, git: GitRunner, inside: str) -> None:  # I23
    git(place, "init", "-q")
    status, [sentence, way_out] = said(*UP, place / inside)
    assert (status, sentence) == (2, f"{place / inside} is inside the repository of {place}.")
    assert way_out == f"Name that folder: {place}"


def test_inside_a_bare_repository(place: Path, git: GitRunner) -> None:  # I23
    git(place, "init", "-q", "--bare")
    status, [sentence, _] = said(*UP, place / "objects")
    assert (status, sentence) == (2, f"{place}/objects is inside the repository {place}.")


@pytest.mark.parametrize(("name", "words"), [("x" * 256, "file name too long"), ("loop", "too many levels")])
def test_a_name_that_can_not_be(place: Path, name: str, words: str) -> None:
    (place / "loop").symlink_to("loop")
    status, [sentence, way_out] = said(*UP, place / name)
    assert (status, way_out) == (2, "Choose another place.")
    assert sentence.startswith(f"{place / name} can't be looked at: {words}")


@pytest.mark.parametrize("verb", ["up", "status", "down", "wait", "log", "doctor"])
def test_no_name_at_all(verb: str) -> None:
    expected = ["The name of a folder can't be empty.", "For the current one, write a dot."]
    assert said(*UP[:-1], verb, "") == (2, expected)


@pytest.mark.parametrize("verb", ["status", "down", "wait", "log"])
def test_a_folder_that_is_not_there(place: Path, verb: str) -> None:
    expected = [f"{place}/no does not exist.", "Name a folder, or make one: instep up DIR"]
    assert said(*UP[:-1], verb, place / "no") == (2, expected)


def test_wrong_usage() -> None:
    expected = ["No such option '--bogus'.", "How it is used: instep up --help"]
    assert said(*UP, "--bogus") == (2, expected)
    assert said(*UP[:-1], "no") == (2, ["No such command 'no'.", "How it is used: instep --help"])


def test_somebody_elses_repository(place: Path, git: GitRunner) -> None:
    git(place, "init", "-q")
    git(place, "annex", "init", "-q")
    for found in (place, *place.rglob("*")):
        os.lchown(found, 65534, 65534)
    status, [sentence, way_out] = said(*UP, place)
    assert (status, sentence) == (2, f"{place} belongs to somebody else, so git does not work in it.")
    assert way_out.endswith(f"git config --global --add safe.directory {place}")


@pytest.mark.parametrize(
    ("script", "said_by_it"),
    [("echo fatal: broken >&2; exit 3", "broken"), ("kill -SEGV $$", "it ended with status -11")],
)
def test_a_broken_git(place: Path, tmp_path: Path, script: str, said_by_it: str) -> None:
    program(tmp_path / "git", script)
    expected = [f"git is there, but does not work: {said_by_it}", "Install it again."]
    assert said(*UP, place, path=f"{tmp_path}:{os.environ['PATH']}") == (2, expected)


def test_no_git(place: Path, tmp_path: Path) -> None:
    expected = ["git is not installed.", "Install it, version 2.39 or newer."]
    assert said(*UP, place, path=str(tmp_path)) == (2, expected)


def test_an_old_git(place: Path, tmp_path: Path) -> None:
    program(tmp_path / "git", "echo git version 2.30.1")
    expected = ["This git is too old: git version 2.30.1.", "Install 2.39 or newer."]
    assert said(*UP, place, path=f"{tmp_path}:{os.environ['PATH']}") == (2, expected)


def test_the_refused_place_is_as_it_was(place: Path, tmp_path: Path) -> None:
    (place / "file").write_text("1")
    assert said(*UP, place, path=str(tmp_path))[0] == 2
    assert list(place.iterdir()) == [place / "file"]


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (None, "git-annex is not installed."),
        ("printf 8.20210223", "git-annex 8.20210223 is too old"),
        ("echo no libgmp.so >&2; exit 127", "git-annex is there, but does not work: no libgmp.so"),
    ],
)
def test_no_git_annex_or_an_old_one(place: Path, tmp_path: Path, version: str | None, words: str) -> None:
    if version:
        program(tmp_path / "git-annex", version)
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
