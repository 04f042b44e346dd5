"""Every verb, as a person types it: what it prints, what it ends with, and what it says when it can't."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Instep
from tests.conftest import GitRunner, RepositoryMaker
from tests.daemon import fake_instep

pytestmark = pytest.mark.system


def test_up_makes_a_folder_and_a_copy_and_connects_them(
    instep: Instep, tmp_path: Path, git: GitRunner
) -> None:
    (tmp_path / "Documents").mkdir()
    (tmp_path / "Documents/a").write_text("a")
    said = instep("up", "Documents", "mnt/copy", "--name", "home", "--json")
    assert (said.status, said.err) == (0, "")
    here, there = tmp_path / "Documents", tmp_path / "mnt/copy"
    facts = said.json
    assert (facts["folder"], facts["was"], facts["branch"]) == (str(here), "a plain folder", "main")
    assert facts["started"] is True
    [remote] = facts["remotes"]
    assert (remote["name"], remote["url"], remote["was"]) == ("copy", str(there), "nothing")
    assert git(here, "config", "remote.copy.url").decode().strip() == str(there)
    assert git(there, "config", "remote.home.url").decode().strip() == str(here)
    assert git(there, "config", "remote.home.annex-uuid") == git(here, "config", "annex.uuid")
    assert b" home timestamp=" in git(here, "cat-file", "blob", "git-annex:uuid.log")
    assert git(here, "cat-file", "blob", "git-annex:config.log") == git(
        there, "cat-file", "blob", "git-annex:config.log"
    )
    for folder in (here, there):
        assert instep("status", folder, "--json").json["in_step"] is True

    again = instep("up", "Documents", "mnt/copy", "--json").json
    assert (again["started"], again["pid"]) == (False, facts["pid"])
    assert again["remotes"][0]["new"] is False
    said = instep("up", here, "third")
    assert said.status == 0
    assert "new remote third" in said.out
    names = [remote["name"] for remote in instep("status", here, "--json").json["remotes"]]
    assert names == ["copy", "third"]

    said = instep("down", "--all")
    assert said.status == 0
    assert said.out.count("is not kept in step any more") == 3


def test_a_new_folder_becomes_a_copy_of_a_repository(
    instep: Instep, tmp_path: Path, plain_repository: RepositoryMaker, git: GitRunner
) -> None:
    repository = plain_repository("repository", object_format="sha256")
    git(repository, "symbolic-ref", "HEAD", "refs/heads/work")
    said = instep("up", "new", repository)
    assert said.status == 0, said.err
    assert "is now kept in step (it was nothing)" in said.out
    assert git(tmp_path / "new", "symbolic-ref", "HEAD") == b"refs/heads/work\n"
    assert git(tmp_path / "new", "rev-parse", "--show-object-format") == b"sha256\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("up", "file"), "is a file"),
        (("up", "a", "a/b"), "is inside"),
        (("up", "a", "ssh://127.0.0.1:1/b"), "Connection refused"),
        (("up", "a", "-oProxyCommand=x:b"), "No such option"),
        (("up", "a", "--", "-oProxyCommand=x:b"), "dash"),
        (("up", "a", "ext::sh"), "ext"),
        (("up", "a", "--bogus"), "No such option"),
        (("status", "nowhere"), "does not exist"),
        (("down", "nowhere"), "does not exist"),
        (("down", "--all", "a"), "--all"),
        (("wait", "--timeout", "soon"), "soon"),
        (("nonsense",), "No such command"),
    ],
)
def test_errors_are_a_sentence_and_status_2(
    instep: Instep, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "file").touch()
    said = instep(*arguments)
    assert (said.status, said.out) == (2, "")
    assert words in said.err
    assert not (tmp_path / "a").exists()


def test_up_says_why_a_folder_can_not_be_started(
    instep: Instep, tmp_path: Path, plain_repository: RepositoryMaker
) -> None:
    folder = plain_repository("folder")
    (folder / "REFUSE").touch()
    said = instep("up", folder)
    assert (said.status, said.out) == (2, "")
    assert said.err == "This folder is refused.\nDo as the test says.\n"


def test_a_folder_from_inside(instep: Instep, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "deep/inside").mkdir(parents=True)
    assert instep("up", cwd=folder).status == 0
    here = folder / "deep/inside"
    said = instep("status", cwd=here)
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith(f"{folder}: in step\n")
    assert instep("wait", cwd=here).status == 0
    said = instep("log", cwd=here)
    assert "Started" in said.out
    assert "Looked at" in said.out
    assert [json.loads(line)["event"] for line in instep("log", "--json", cwd=here).out.splitlines()] == [
        "start",
        "test",
    ]
    assert instep("down", cwd=here).status == 0
    assert "nothing to stop" in instep("down", cwd=here).out
    said = instep("status", cwd=here)
    assert (said.status, said.out) == (1, "")
    assert said.err.splitlines()[1] == f"Start it: instep up {folder}"
    assert instep("status", "--json", cwd=here).json["state"] == "not running"
    assert instep("wait", cwd=here).status == 2


def test_wait_says_what_is_outstanding(instep: Instep, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/BUSY").touch()
    instep("up", "folder")
    said = instep("wait", "folder", "--timeout", "0")
    assert (said.status, said.out) == (1, "")
    assert said.err == "Not in step yet: 1 changes to commit\n"
    said = instep("wait", "folder", "--remote", "nobody")
    assert (said.status, said.err.splitlines()[0]) == (2, "There is no remote nobody.")


def test_remotes_one_by_one(instep: Instep, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    instep("up", "folder")
    assert instep("remote", "add", "../copy", cwd=folder).status == 0
    said = instep("remote", "list", cwd=folder)
    assert said.out == f"copy  {tmp_path / 'copy'}  not reachable\n"
    [remote] = instep("remote", "list", "folder", "--json").json
    assert (remote["name"], remote["in_step"]) == ("copy", False)
    said = instep("remote", "pause", "copy", cwd=folder)
    assert said.out == f"copy is paused. Go on: instep remote resume copy --dir {folder}\n"
    assert instep("remote", "list", "folder").out == f"copy  {tmp_path / 'copy'}  paused\n"
    assert "already paused" in instep("remote", "pause", "copy", cwd=folder).out
    assert instep("remote", "resume", "copy", cwd=folder).out == f"copy is kept in step with {folder}.\n"
    assert "it was not paused" in instep("remote", "resume", "copy", cwd=folder).out
    [remote] = instep("remote", "list", "folder", "--json").json
    assert (remote["paused"], remote["reason"]) == (False, "not reachable")
    assert instep("remote", "pause", "nobody", cwd=folder).err.startswith(f"{folder} has no remote nobody.")
    instep("down", "folder")
    [remote] = instep("remote", "list", "folder", "--json").json
    assert (remote["name"], remote["reason"]) == ("copy", "no process is running here")
    assert instep("remote", "remove", "copy", "--dir", "folder").status == 0
    assert instep("remote", "list", "folder").out == ""
    assert instep("remote", "remove", "copy", "--dir", "folder").status == 2


def test_watching_prints_a_line_per_change(instep: Instep, tmp_path: Path) -> None:
    instep("up", "folder")
    command = [sys.executable, fake_instep.__file__, "status", "folder", "--watch"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline() == "in step\n"
        instep("remote", "add", "copy", "--dir", "folder")
        assert watching.stdout.readline() == "waiting; copy: not reachable\n"
        instep("down", "folder")
        assert watching.stdout.read() == ""
    assert watching.returncode == 0


def test_following_the_log(instep: Instep, tmp_path: Path) -> None:
    instep("up", "folder")
    # A shell that runs the tests in the background has them ignore the signal.
    heeding = ["env", "--default-signal=INT"]
    command = [*heeding, sys.executable, fake_instep.__file__, "log", "folder", "-f", "--json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        assert [json.loads(following.stdout.readline())["event"] for _ in range(2)] == ["start", "test"]
        instep("down", "folder")
        assert json.loads(following.stdout.readline())["event"] == "stop"
        following.send_signal(signal.SIGINT)
    assert following.returncode == 130


def test_foreground_stays_until_told_to_stop(instep: Instep, tmp_path: Path) -> None:
    command = [sys.executable, fake_instep.__file__, "up", "folder", "--foreground"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as staying:
        assert staying.stdout is not None
        assert "is now kept in step" in staying.stdout.readline()
        assert instep("status", "folder", "--json").json["in_step"] is True
        assert instep("up", "folder").status == 0
        os.kill(staying.pid, signal.SIGTERM)
        out, err = staying.communicate()
    assert staying.returncode == 0, out + err
    assert "Stopped" in err


def test_foreground_says_why_it_can_not(instep: Instep, tmp_path: Path) -> None:
    instep("up", "folder")
    command = [sys.executable, fake_instep.__file__, "up", "folder", "--foreground"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is being kept in step already" in done.stderr


def test_output_that_nobody_reads_is_no_error(instep: Instep, tmp_path: Path) -> None:
    instep("up", "folder")
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, fake_instep.__file__, "log", "folder"]
    done = subprocess.run(command, cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_doctor(instep: Instep, tmp_path: Path) -> None:
    said = instep("doctor")
    assert said.out.splitlines()[-1] == "All is well with this machine; name a folder to check it too."
    instep("up", "folder")
    said = instep("doctor", "folder")
    assert (said.status, said.out.splitlines()[-1]) == (0, "All is well.")
    assert instep("doctor", "folder", "--json").json["well"] is True
    instep("down", "folder")
    said = instep("doctor", "folder")
    assert said.status == 1
    assert f"     Start it: instep up {tmp_path / 'folder'}" in said.out.splitlines()
    facts = instep("doctor", "folder", "--json").json
    assert facts["well"] is False
    assert [item["code"] for item in facts["findings"] if item["severity"] == "attention"] == ["not-running"]
    assert instep("doctor", "nowhere").status == 2
