"""Large content: it comes whole, goes on where it was cut, waits for space, and holds up nothing."""

import os
import signal
import subprocess
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.conftest import run_git

from .disk import can_have_disks, whole_seconds
from .harness import Pair, eventually, lock

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A file system of 64 MiB to put a pair on."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "instep-test", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def objects(folder: Path) -> list[Path]:
    return [path for path in (folder / ".git/annex/objects").rglob("*") if path.is_file()]


def partials(folder: Path) -> list[Path]:
    return list((folder / ".git/annex/tmp").glob("*"))


def conditions(pair: Pair, folder: Path) -> str:
    """All that a person is told there."""
    return " ".join(item["text"] for item in pair.status(folder)["attention"])


def is_same(one: Path, other: Path) -> bool:
    return (
        other.exists()
        and one.stat().st_size == other.stat().st_size
        and one.read_bytes() == other.read_bytes()
    )


def test_several_large_files_come_whole_and_are_said_to_be_there(pair: Pair) -> None:  # I11 I30
    pair.up()
    for name in ("one", "two", "three"):
        (pair.a / name).write_bytes(os.urandom(24 * MIB + 17))
    pair.assert_equal()
    for folder in (pair.a, pair.b):
        run_git(folder, "annex", "fsck", "--quiet")
        assert len(objects(folder)) == 3
    assert partials(pair.b) == []
    assert list((pair.b / ".git/instep/copies").iterdir()) == []


def test_a_killed_download_goes_on_where_it_was(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:  # I27
    monkeypatch.setenv("INSTEP_KILL_AT", "piece-written:9")
    pair.up()
    monkeypatch.delenv("INSTEP_KILL_AT")
    (pair.a / "film").write_bytes(os.urandom(96 * MIB))
    eventually(lambda: not pair.processes(pair.b) and partials(pair.b), "killed while the file came")
    (partial,) = partials(pair.b)
    cut = partial.stat()
    assert 0 < cut.st_size < 96 * MIB
    pair.up()
    pair.assert_equal()
    assert (pair.b / "film").stat().st_ino == cut.st_ino


def test_killed_when_only_the_file_has_it(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:  # I27
    """The file is in its place before the annex has its content, which is then had from there."""
    monkeypatch.setenv("INSTEP_KILL_AT", "downloaded")
    pair.up()
    monkeypatch.delenv("INSTEP_KILL_AT")
    film = os.urandom(24 * MIB)
    (pair.a / "film").write_bytes(film)
    eventually(lambda: not pair.processes(pair.b), "killed before the content was in the annex")
    assert not objects(pair.b)
    pair.instep("down", pair.a)
    came = (pair.b / "film").read_bytes() == film
    pair.instep("up", pair.b)
    if came:
        eventually(lambda: objects(pair.b) and not partials(pair.b), "taken in from the file")
    pair.up()
    pair.assert_equal()
    run_git(pair.b, "annex", "fsck", "--quiet")
    assert partials(pair.b) == []


def test_the_giver_may_be_killed_too(pair: Pair) -> None:  # I27
    pair.up()
    (pair.a / "film").write_bytes(os.urandom(96 * MIB))
    eventually(lambda: partials(pair.b) or objects(pair.b), "it is coming")
    pair.signal_one(pair.daemon(pair.a), signal.SIGKILL)
    pair.up()
    pair.assert_equal()


def test_what_does_not_fit_waits_and_says_so(pair: Pair, small_disk: Path) -> None:  # I26 I29
    pair.b = small_disk / "b"
    pair.up()
    run_git(pair.b, "config", "annex.diskreserve", "10 MB")
    (pair.a / "film").write_bytes(os.urandom(30 * MIB))  # twice that, in the annex and in the work tree
    eventually(lambda: "enough space for film" in conditions(pair, pair.b), "the want of space is named")
    assert "it needs 63 MB" in conditions(pair, pair.b)
    assert not objects(pair.b)
    (pair.a / "note").write_bytes(b"small things go on\n")
    eventually(lambda: is_same(pair.a / "note", pair.b / "note"), "the note came")
    subprocess.run(["mount", "-o", "remount,size=256m", small_disk], check=True)
    eventually(lambda: is_same(pair.a / "film", pair.b / "film"), "the film came by itself")
    eventually(lambda: "space" not in conditions(pair, pair.b), "all is well")


def test_what_cannot_be_added_for_want_of_space_is_named_too(pair: Pair, small_disk: Path) -> None:  # I26
    pair.a = small_disk / "a"
    pair.up()
    run_git(pair.a, "config", "annex.diskreserve", "0")
    (pair.a / "film").write_bytes(os.urandom(40 * MIB))
    eventually(lambda: "enough space for film" in conditions(pair, pair.a), "the want of space is named")
    (pair.a / "note").write_bytes(b"small things go on\n")
    eventually(lambda: is_same(pair.a / "note", pair.b / "note"), "the note came")
    subprocess.run(["mount", "-o", "remount,size=256m", small_disk], check=True)
    eventually(lambda: is_same(pair.a / "film", pair.b / "film"), "the film came by itself")


def test_holes_stay_holes(pair: Pair) -> None:
    pair.up()
    with (pair.a / "disk.img").open("wb") as file:
        file.write(os.urandom(MIB))
        file.seek(400 * MIB)
        file.write(b"end")
        file.truncate(512 * MIB)
    pair.wait()
    eventually(lambda: (pair.b / "disk.img").stat().st_size == 512 * MIB, "it came")
    for path in (*objects(pair.a), *objects(pair.b), pair.b / "disk.img"):
        assert path.stat().st_size == 512 * MIB
        assert path.stat().st_blocks * 512 < 4 * MIB, path


def test_a_bad_object_is_found_out_and_not_recorded(pair: Pair) -> None:  # I11
    """A locked file, so that the giver has the content in its annex only and can't have it again."""
    pair.up()
    pair.instep("down", pair.b)
    film = os.urandom(16 * MIB)
    (pair.a / "film").write_bytes(film)
    pair.wait(pair.a)
    lock(pair.a, "film")
    pair.wait(pair.a)
    (bad,) = objects(pair.a)
    bad.chmod(0o644)
    bad.write_bytes(film[:-1] + bytes([film[-1] ^ 1]))
    pair.instep("up", pair.b)
    eventually(lambda: "did not match its checksum" in conditions(pair, pair.b), "it is named")
    eventually(lambda: not bad.exists(), "the giver does not call it content any more")
    assert not objects(pair.b)
    uuid = run_git(pair.b, "config", "annex.uuid").decode().strip()
    assert run_git(pair.b, "annex", "find", "--in", uuid).decode() == ""
    good = pair.a.parent / "from a backup"
    good.write_bytes(film)
    run_git(pair.a, "annex", "reinject", str(good), "film")
    eventually(lambda: (pair.b / "film").exists() and (pair.b / "film").read_bytes() == film, "it came")
    eventually(lambda: not pair.status(pair.b)["attention"], "all is well")


def test_two_names_of_one_file_are_two_files(pair: Pair) -> None:  # I5
    pair.up()
    (pair.a / "one").write_bytes(os.urandom(9 * MIB))
    os.link(pair.a / "one", pair.a / "two")
    pair.assert_equal()
    assert (pair.a / "one").samefile(pair.a / "two")
    assert not (pair.b / "one").samefile(pair.b / "two")
    before = (pair.a / "one").read_bytes()
    (pair.b / "two").write_bytes(b"new" * MIB * 3)
    pair.assert_equal()
    assert (pair.a / "one").read_bytes() == before, "never written through"


def test_thin_folders_keep_large_files_once(pair: Pair) -> None:  # I11 I30
    said = pair.instep("up", "--thin", pair.a, pair.b)
    assert "is gone there" in said.err
    (pair.a / "film").write_bytes(os.urandom(16 * MIB))
    pair.assert_equal()
    for folder in (pair.a, pair.b):
        assert [path.stat().st_ino for path in objects(folder)] == [(folder / "film").stat().st_ino]
    (pair.b / "film").rename(pair.b / "renamed")
    pair.assert_equal()
    with (pair.b / "renamed").open("r+b") as file:
        file.write(b"edited in place")
    pair.assert_equal()
    assert (pair.a / "renamed").read_bytes().startswith(b"edited in place")
    assert len(objects(pair.b)) == 1, "what was the old version is not called so any more"
    for folder in (pair.a, pair.b):
        run_git(folder, "annex", "fsck", "--quiet", "--all")


@pytest.mark.skipif(not can_have_disks(), reason="needs root, to mount a disk")
def test_a_large_file_written_again_where_times_are_whole_seconds(tmp_path: Path) -> None:  # I1 I4 I5
    """With the same size, in the same second, while it is read into the annex."""
    with whole_seconds(tmp_path) as place, Pair(place) as pair:
        pair.up()
        film, unseen, number = pair.a / "film", False, 0
        film.write_bytes(bytes(9 * MIB))
        while not unseen:
            number += 1
            film.write_bytes(bytes([number]) * (9 * MIB))
            before = film.stat().st_mtime_ns
            time.sleep(0.5)  # more than it takes to be read
            with film.open("r+b") as file:
                file.write(b"again")
            unseen = film.stat().st_mtime_ns == before
        last = b"again".ljust(9 * MIB, bytes([number]))
        eventually(lambda: (pair.b / "film").read_bytes() == last, "it came as it was last")
        pair.assert_equal()
