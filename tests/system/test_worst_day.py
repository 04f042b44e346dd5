"""The worst day for whoever watches: limits, lost disks, emptied folders, files never closed."""

import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import run_git

from .disk import Disk
from .harness import Pair, eventually

FEW_WATCHES = """#!/bin/sh
exec unshare --user --map-root-user sh -c '
    echo 14 > /proc/sys/user/max_inotify_watches && exec "{command}" "$@"' sh "$@"
"""
"""The kernel's limit, lowered for one process and its children: the namespaces of users have one each."""


def namespaces_can_be_made() -> bool:
    probe = "test -w /proc/sys/user/max_inotify_watches"
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", probe], check=False, capture_output=True
    )
    return done.returncode == 0


def codes(pair: Pair, folder: Path) -> set[str]:
    return {item["code"] for item in attention(pair, folder)}


def attention(pair: Pair, folder: Path) -> list[dict[str, Any]]:
    return pair.status(folder)["attention"]


def has(folder: Path, name: str, text: str) -> Callable[[], bool]:
    return lambda: (folder / name).read_text() == text


def test_past_the_limit_of_watches_changes_come_too(  # I21 I29
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert namespaces_can_be_made()
    for n in range(20):
        (pair.a / f"d{n}").mkdir(parents=True)
        (pair.a / f"d{n}/file").write_text("old")
    command = tmp_path / "few-watches"
    command.write_text(FEW_WATCHES.format(command=shutil.which("instep")))
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("INSTEP_COMMAND", str(command))
    pair.up()
    assert "sysctl" in next(i["fix"] for i in attention(pair, pair.a) if i["code"] == "watch-limit")
    for n in range(20):
        (pair.a / f"d{n}/file").write_text("new")
        (pair.a / f"d{n}/sub").mkdir()
        (pair.a / f"d{n}/sub/file").write_text("more")
    pair.assert_equal()
    (pair.a / "d7/file").unlink()
    (pair.a / "d8/file").write_text("found by looking")
    eventually(has(pair.b, "d8/file", "found by looking"))
    eventually(lambda: not (pair.b / "d7/file").exists())
    raised = "echo 999 > /proc/sys/user/max_inotify_watches"
    for folder in (pair.a, pair.b):
        enter = ["nsenter", "--user", "--preserve-credentials", "--target", str(pair.daemon(folder))]
        subprocess.run([*enter, "sh", "-c", raised], check=True)
    eventually(lambda: "watch-limit" not in codes(pair, pair.a) | codes(pair, pair.b), "watched again")
    pair.assert_equal()


@pytest.mark.parametrize("way", ["look", "both"])
def test_without_the_kernel_s_word_changes_come_too(pair: Pair, way: str) -> None:  # I21 I22
    pair.up()
    pair.down()
    for folder in (pair.a, pair.b):
        subprocess.run(["git", "-C", folder, "config", "instep.watch", way], check=True)
    pair.up()
    (pair.a / "d/e").mkdir(parents=True)
    (pair.a / "d/e/file").write_text("1")
    eventually(has(pair.b, "d/e/file", "1"))
    os.rename(pair.a / "d", pair.a / "f")
    (pair.b / "other").write_text("2")
    pair.assert_equal()
    (pair.a / ".gitignore").write_text("*.log\n")
    pair.assert_equal()
    (pair.a / "a.log").write_text("3")
    pair.wait()
    assert not (pair.b / "a.log").exists()
    assert not codes(pair, pair.a)


def fill(folder: Path, count: int) -> None:
    for n in range(count):
        (folder / f"d{n % 3}").mkdir(parents=True, exist_ok=True)
        (folder / f"d{n % 3}/{n}").write_text(f"file {n}")


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != ".git":
            shutil.rmtree(path)


def files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.glob("d*/*"))


@pytest.mark.parametrize("way_out", ["put back", "committed", "restarted and put back"])
def test_an_emptied_folder_is_held_until_a_person_says(pair: Pair, way_out: str) -> None:  # I8 I27 I29
    fill(pair.a, 150)
    pair.up()
    pair.settle()
    empty(pair.a)
    (pair.a / "new").write_text("flows")
    eventually(has(pair.b, "new", "flows"))
    eventually(lambda: "mass-deletion" in codes(pair, pair.a), "asked")
    (pair.b / "other").write_text("and back")
    (pair.b / "d0/3").write_text("edited there")
    eventually(has(pair.a, "other", "and back"))
    eventually(has(pair.a, "d0/3", "edited there"))  # I5
    assert files(pair.b) > 130
    assert not pair.status(pair.a)["in_step"]
    if way_out == "restarted and put back":
        pair.signal_one(pair.daemon(pair.a), signal.SIGKILL)
        pair.instep("up", pair.a)
        eventually(lambda: "mass-deletion" in codes(pair, pair.a), "asked again")
        assert files(pair.b) > 130
    eventually(lambda: not run_git(pair.a, "diff", "--cached", "--name-only"), "the index is written")
    if way_out == "committed":
        run_git(pair.a, "commit", "-q", "-a", "-m", "Delete them")
    else:
        run_git(pair.a, "checkout", "-q", "HEAD", ".")
    eventually(lambda: not codes(pair, pair.a), "cleared by itself")
    pair.assert_equal()
    assert files(pair.a) == 1 if way_out == "committed" else files(pair.a) > 130


def test_what_is_no_mass_deletion_passes(pair: Pair) -> None:  # I8 I13
    """A directory among many, a moved folder, another branch, and what a peer deleted."""
    fill(pair.a, 600)
    pair.up()
    pair.settle()
    (pair.a / "all").mkdir()
    for n in range(3):
        (pair.a / f"d{n}").rename(pair.a / f"all/d{n}")
    pair.assert_equal()
    assert len(list((pair.b / "all").rglob("*"))) == 603
    shutil.rmtree(pair.a / "all/d1")
    pair.assert_equal()
    eventually(lambda: not run_git(pair.a, "diff", "--cached", "--name-only"), "the index is written")
    pair.down()
    run_git(pair.a, "checkout", "-q", "-b", "emptier")
    run_git(pair.a, "rm", "-q", "-r", "all/d2")
    run_git(pair.a, "commit", "-q", "-m", "Most of what is left")
    run_git(pair.a, "checkout", "-q", "main" if b"main" in run_git(pair.a, "branch") else "master")
    pair.up()
    run_git(pair.a, "merge", "-q", "emptier")
    pair.assert_equal()
    assert not codes(pair, pair.a) | codes(pair, pair.b)


def log_says(text: str) -> bool:
    return any(text in log.read_text() for log in Path(os.environ["XDG_STATE_HOME"]).rglob("log.jsonl"))


@pytest.mark.parametrize("way", ["moved", "moved above", "replaced", "unmounted"])
def test_a_folder_that_goes_and_comes_back_deletes_nothing(  # I2 I8 I25
    pair: Pair, tmp_path: Path, way: str
) -> None:
    above = tmp_path / "above"
    pair.a = above / "a"
    disk = Disk(above) if way == "unmounted" else None
    away = tmp_path / "away" if way == "moved above" else tmp_path / "away" / "a"
    away.parent.mkdir(exist_ok=True)
    fill(pair.a, 12)
    pair.up()
    pair.settle()
    pid = pair.daemon(pair.a)
    try:
        if disk is not None:
            disk.let_go()
        else:
            (above if way == "moved above" else pair.a).rename(away)
        if way == "replaced":
            fill(pair.a, 1)
        eventually(lambda: log_says("is not there any more"), "held")
        (pair.b / "meanwhile").write_text("1")
        pair.wait(pair.b)
        assert files(pair.b) == 12
        assert way == "replaced" or not pair.a.exists()
        if way == "replaced":
            assert sorted(path.name for path in pair.a.iterdir()) == ["d0"]
            shutil.rmtree(pair.a)
        if disk is not None:
            eventually(disk.mount_again, "nothing keeps the drive")
        else:
            away.rename(above if way == "moved above" else pair.a)
        pair.assert_equal()
        assert (files(pair.a), pair.daemon(pair.a)) == (12, pid)
        assert not codes(pair, pair.a)
    finally:
        pair.down(check=False)
        if disk is not None:
            disk.close()


@pytest.mark.parametrize("words", ["named", "--all"])
def test_the_process_of_a_folder_that_is_gone_can_be_stopped(pair: Pair, tmp_path: Path, words: str) -> None:
    """I8 I29: `status` says so, and how."""
    pair.up()
    pid = pair.daemon(pair.a)
    pair.a.rename(tmp_path / "away")
    eventually(lambda: log_says("is not there any more"), "noticed")
    assert "is not kept in step any more" in pair.instep("down", pair.a if words == "named" else words).out
    assert pid not in pair.processes()
    again = pair.instep("down", pair.a, check=False)
    assert again.code == 2
    assert "does not exist" in again.err


@pytest.mark.parametrize("way", ["while it runs", "while nothing runs"])
def test_a_drive_inside_the_folder_that_goes_deletes_nothing(  # I8 I29
    pair: Pair, tmp_path: Path, way: str
) -> None:
    place, drive = pair.a / "d0", tmp_path / "drive"
    for directory in (place, drive):
        directory.mkdir(parents=True)
    mount = ["mount", "--bind", str(drive), str(place)]
    subprocess.run(mount, check=True)
    try:
        fill(pair.a, 12)
        pair.up()
        pair.settle()
        if way == "while nothing runs":
            pair.down()
        subprocess.run(["umount", "--lazy", place], check=True)
        if way == "while nothing runs":
            pair.instep("up", pair.a, pair.b)
        eventually(lambda: "mount-gone" in codes(pair, pair.a), "named")
        (pair.a / "d1/1").unlink()
        (pair.a / "new").write_text("flows")
        eventually(has(pair.b, "new", "flows"))
        eventually(lambda: files(pair.b) == 11, "other deletions are deletions")
        assert len(list((pair.b / "d0").iterdir())) == 4
        subprocess.run(mount, check=True)
        eventually(lambda: "mount-gone" not in codes(pair, pair.a), "named no more")
        (pair.a / "d0/0").write_text("edited")
        eventually(has(pair.b, "d0/0", "edited"))
    finally:
        pair.down(check=False)
        subprocess.run(["umount", "--lazy", place], check=False)
