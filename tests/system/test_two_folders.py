"""What a person does in one folder is in the other when `wait` says so: each kind of change, both ways."""

import os
import shutil
import time
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import run_git

from .harness import Pair, eventually, head
from .worktree import join, read, save, tree, write


class Sides(NamedTuple):
    """One direction of a running pair."""

    pair: Pair
    here: Path
    there: Path

    def arrive(self) -> None:
        """Until what is in `here` is in `there`."""
        self.pair.wait(self.here)


@pytest.fixture(params=["a-to-b", "b-to-a"])
def sides(request: pytest.FixtureRequest, running: Pair) -> Sides:
    """The running pair from either end."""
    ends = (running.a, running.b) if request.param == "a-to-b" else (running.b, running.a)
    return Sides(running, *ends)


def test_new_edited_appended_saved_and_deleted(sides: Sides) -> None:  # I1 I29
    name = "notes/today.txt"
    write(sides.here, name, b"one\n")
    sides.arrive()
    assert read(sides.there, name) == b"one\n"

    write(sides.here, name, b"two, in place\n")
    sides.arrive()
    assert read(sides.there, name) == b"two, in place\n"

    with open(join(sides.here, name), "ab") as file:
        file.write(b"three\n")
    sides.arrive()
    assert read(sides.there, name) == b"two, in place\nthree\n"

    save(sides.here, name, b"four, saved atomically\n")
    sides.arrive()
    assert read(sides.there, name) == b"four, saved atomically\n"

    os.unlink(join(sides.here, name))
    sides.arrive()
    assert read(sides.there, name) is None
    assert not os.path.lexists(join(sides.there, "notes")), "an emptied directory goes too"


def test_a_file_is_renamed(sides: Sides) -> None:  # I1
    write(sides.here, "before.txt", b"same content\n")
    sides.arrive()
    os.rename(join(sides.here, "before.txt"), join(sides.here, "after.txt"))
    sides.arrive()
    assert read(sides.there, "before.txt") is None
    assert read(sides.there, "after.txt") == b"same content\n"
    os.unlink(join(sides.here, "after.txt"))
    sides.arrive()


def test_a_directory_is_moved(sides: Sides) -> None:  # I1 I18 I21
    files = {f"box/{n % 3}/{n}.bin": os.urandom(2000) for n in range(30)}
    for name, data in files.items():
        write(sides.here, name, data)
    sides.arrive()
    os.makedirs(join(sides.here, "shelf"))
    os.rename(join(sides.here, "box"), join(sides.here, "shelf/box"))
    write(sides.here, "shelf/box/0/late.txt", b"into a directory that has just moved\n")
    sides.arrive()
    assert not os.path.lexists(join(sides.there, "box"))
    assert {name: read(sides.there, f"shelf/{name}") for name in files} == files
    assert read(sides.there, "shelf/box/0/late.txt") is not None
    os.rename(join(sides.here, "shelf"), join(sides.here, "done-" + sides.here.name))
    sides.arrive()


def test_a_filled_directory_is_moved_in_and_out(sides: Sides, tmp_path: Path) -> None:  # I21
    outside = tmp_path / "outside"
    for n in range(60):  # most of the folder is to stay, else its going is asked about (I8)
        write(sides.here, f"stays/{n}", b"%d\n" % n)
    for n in range(40):
        write(outside, f"deep/{n % 4}/{n}", b"%d\n" % n)
    os.rename(outside, join(sides.here, "guest"))
    sides.arrive()
    assert len([path for path in tree(sides.there) if path.startswith(b"guest/")]) == 40
    os.rename(join(sides.here, "guest"), tmp_path / "gone")
    sides.arrive()
    assert not os.path.lexists(join(sides.there, "guest"))


def test_the_executable_bit(sides: Sides) -> None:
    write(sides.here, "tool.sh", b"#!/bin/sh\n")
    sides.arrive()
    assert tree(sides.there)[b"tool.sh"] == ("file", b"#!/bin/sh\n")
    os.chmod(join(sides.here, "tool.sh"), 0o755)
    sides.arrive()
    assert tree(sides.there)[b"tool.sh"] == ("exec", b"#!/bin/sh\n")
    os.chmod(join(sides.here, "tool.sh"), 0o644)
    sides.arrive()
    assert tree(sides.there)[b"tool.sh"] == ("file", b"#!/bin/sh\n")


def test_symlinks_are_kept_as_they_are(sides: Sides) -> None:
    name = f"link-from-{sides.here.name}"
    os.symlink("no/such/target", join(sides.here, name))
    sides.arrive()
    assert os.readlink(join(sides.there, name)) == b"no/such/target"
    os.unlink(join(sides.here, name))
    os.symlink("..", join(sides.here, name))
    sides.arrive()
    assert os.readlink(join(sides.there, name)) == b".."
    os.unlink(join(sides.here, name))
    write(sides.here, name, b"a file now\n")
    sides.arrive()
    assert tree(sides.there)[os.fsencode(name)] == ("file", b"a file now\n")


def test_a_file_and_a_directory_change_places(sides: Sides) -> None:
    name = f"place-{sides.here.name}"
    write(sides.here, name, b"file\n")
    sides.arrive()
    os.unlink(join(sides.here, name))
    write(sides.here, f"{name}/inner", b"in a directory\n")
    sides.arrive()
    assert read(sides.there, f"{name}/inner") == b"in a directory\n"
    os.unlink(join(sides.here, f"{name}/inner"))
    os.rmdir(join(sides.here, name))
    write(sides.here, name, b"file again\n")
    sides.arrive()
    assert read(sides.there, name) == b"file again\n"


def test_an_empty_file(sides: Sides) -> None:
    write(sides.here, "empty", b"")
    sides.arrive()
    assert read(sides.there, "empty") == b""
    os.unlink(join(sides.here, "empty"))
    sides.arrive()


def test_a_large_file_comes_whole_and_is_annexed(sides: Sides) -> None:  # I6 I7 I11
    name = f"large-{sides.here.name}.bin"
    for data in (os.urandom(3 << 20), os.urandom((3 << 20) + 1)):
        write(sides.here, name, data)
        sides.arrive()
        assert read(sides.there, name) == data
        for folder in (sides.here, sides.there):
            objects = list((folder / ".git/annex/objects").rglob(f"SHA256*-s{len(data)}--*"))
            assert any(path.is_file() and path.read_bytes() == data for path in objects)


def test_many_files_at_once(sides: Sides) -> None:
    files = {f"burst-{sides.here.name}/{n % 20}/{n}": b"%d\n" % n * 200 for n in range(500)}
    for name, data in files.items():
        write(sides.here, name, data)
    sides.arrive()
    assert {name: read(sides.there, name) for name in files} == files


def test_ignored_names_stay_at_home(sides: Sides) -> None:  # I22
    rules = f"under-{sides.here.name}"
    write(sides.here, f"{rules}/.gitignore", b"*.log\n!kept.log\n/cache/\n")
    sides.arrive()
    for name in ("x.log", "cache/y", ".draft.txt.swp", "film.mkv.crdownload"):
        write(sides.here, f"{rules}/{name}", b"not for others\n")
    for name in ("kept.log", "deep/cache/z"):
        write(sides.here, f"{rules}/{name}", b"for all\n")
    sides.arrive()
    arrived = {path for path in tree(sides.there) if path.startswith(os.fsencode(rules))}
    assert arrived == {os.fsencode(f"{rules}/{n}") for n in (".gitignore", "kept.log", "deep/cache/z")}


def test_a_setting_for_all_copies_is_taken_up_by_all_while_they_run(sides: Sides) -> None:  # I22
    numbers = count()

    def is_annexed() -> bool:
        name = f"settings-{sides.here.name}/{next(numbers)}.txt"
        write(sides.there, name, b"small\n")
        sides.pair.wait(sides.there)
        return run_git(sides.there, "cat-file", "blob", f"HEAD:{name}").startswith(b"/annex/objects/")

    def say(files: str) -> None:
        run_git(sides.here, "annex", "config", "--set", "annex.largefiles", files)

    assert not is_annexed()
    say("anything")
    eventually(is_annexed, "it is said for all")
    say("largerthan=64kb")
    eventually(lambda: not is_annexed(), "it is taken back")


def test_what_is_tracked_stays_so_when_it_is_ignored(sides: Sides) -> None:  # I22 I29
    place = f"kept-{sides.here.name}"
    for name in ("x.log", "cache/y"):
        write(sides.here, f"{place}/{name}", b"1\n")
    sides.arrive()
    write(sides.here, f"{place}/.gitignore", b"*.log\n/cache/\n")
    sides.arrive()
    for name in ("x.log", "cache/y"):
        write(sides.here, f"{place}/{name}", b"2\n")
    write(sides.here, f"{place}/cache/new", b"not for others\n")
    sides.arrive()
    for name in ("x.log", "cache/y"):
        assert read(sides.there, f"{place}/{name}") == b"2\n"
    assert not os.path.lexists(join(sides.there, f"{place}/cache/new"))


def test_a_file_is_not_added_while_it_is_written(sides: Sides) -> None:  # I9
    with open(join(sides.here, "recording"), "wb") as file:
        file.write(b"first half")
        file.flush()
        write(sides.here, "canary", sides.here.name.encode())
        eventually(lambda: read(sides.there, "canary") == sides.here.name.encode(), "the canary")
        assert not os.path.lexists(join(sides.there, "recording"))
        file.write(b", second half")
    eventually(lambda: read(sides.there, "recording") == b"first half, second half", "the recording")
    os.unlink(join(sides.here, "recording"))
    sides.arrive()


def test_odd_files_and_inner_repositories_are_left_alone(sides: Sides) -> None:  # I23
    place = f"odd-{sides.here.name}"
    write(sides.here, f"{place}/plain", b"plain\n")
    os.mkfifo(join(sides.here, f"{place}/fifo"))
    (sides.here / place / "inner").mkdir()
    run_git(sides.here / place / "inner", "init", "-q")
    write(sides.here, f"{place}/inner/file", b"belongs to the inner repository\n")
    sides.arrive()
    assert read(sides.there, f"{place}/plain") == b"plain\n"
    assert os.listdir(join(sides.there, place)) == [b"plain"]
    os.unlink(join(sides.here, f"{place}/fifo"))
    shutil.rmtree(sides.here / place / "inner")


def test_what_stands_in_the_way_of_a_file_is_waited_for(sides: Sides) -> None:  # I3 I23 I28 I29
    """It is no file that could be committed, so the one that arrives has no place; nor is that looked at for
    ever."""
    name = f"in the way of {sides.here.name}"
    os.mkfifo(join(sides.there, name))
    write(sides.here, name, b"a file\n")
    eventually(lambda: name in sides.pair.instep("wait", "--timeout", "0.2", sides.there, check=False).err)
    used, began = sides.pair.cpu_s(sides.there), time.monotonic()
    time.sleep(1)  # what is measured
    assert (sides.pair.cpu_s(sides.there) - used) / (time.monotonic() - began) < 0.1
    os.unlink(join(sides.there, name))
    sides.arrive()
    assert read(sides.there, name) == b"a file\n"


def test_both_have_the_same_commit_when_in_step(running: Pair) -> None:  # I13 I14
    write(running.a, "from-a", b"a\n")
    write(running.b, "from-b", b"b\n")
    running.wait()
    assert (read(running.b, "from-a"), read(running.a, "from-b")) == (b"a\n", b"b\n")
    eventually(lambda: head(running.a) == head(running.b), "one head")
