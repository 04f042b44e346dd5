"""What keeps ssh from connecting is said, with the command that helps; and when it is mended, it goes on."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .far_pair import FarPair
from .harness import eventually
from .sshd import HOST, LIMITED
from .worktree import read, write


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarPair]:
    """Two folders in step over ssh; each test leaves them so."""
    with FarPair(tmp_path_factory.mktemp("linked")) as pair:
        write(pair.a, "from-the-start", b"whole\n")
        yield pair.up()


def cut(pair: FarPair) -> None:
    """The connection that there is breaks; it has to be made again."""
    for ssh in pair.ssh_processes():
        os.kill(ssh, signal.SIGKILL)


def condition(pair: FarPair, code: str) -> dict[str, Any] | None:
    """The condition as the status of our side has it."""
    return next((item for item in pair.status(pair.a)["attention"] if item["code"] == code), None)


def assert_mended(pair: FarPair, name: str) -> None:
    """What was written meanwhile arrives by itself, and nobody is asked for anything any more."""
    eventually(lambda: read(pair.b, name) is not None, f"{name} over a new connection")
    pair.assert_equal()
    status = pair.status(pair.a)
    assert (status["attention"], status["in_step"]) == ([], True)


def test_a_host_key_that_nobody_has_accepted(linked: FarPair) -> None:  # I29
    linked.far.known_hosts.write_text("")
    cut(linked)
    write(linked.a, "1", b"1")
    eventually(lambda: condition(linked, "ssh-host-unknown"), "the condition")
    found = condition(linked, "ssh-host-unknown")
    assert found is not None
    assert f"ssh {HOST} true" in found["fix"]
    said = linked.instep("up", linked.a.parent / "c", linked.far.address("Docs"), check=False)
    assert (said.code, said.out) == (2, "")
    assert f"ssh {HOST} true" in said.err
    assert not (linked.a.parent / "c").exists(), "nothing is made before everything was looked at"
    linked.far.know_the_host()
    assert_mended(linked, "1")


def test_another_host_key_than_before(linked: FarPair) -> None:  # I29
    linked.far.know_the_host("user")
    cut(linked)
    write(linked.a, "2", b"2")
    eventually(lambda: condition(linked, "ssh-host-changed"), "the condition")
    found = condition(linked, "ssh-host-changed")
    assert found is not None
    assert "ssh-keygen" in found["fix"]
    linked.far.know_the_host()
    assert_mended(linked, "2")


def test_not_let_in(linked: FarPair) -> None:  # I29
    linked.far.authorized.write_text("")
    cut(linked)
    write(linked.a, "3", b"3")
    eventually(lambda: condition(linked, "ssh-not-let-in"), "the condition")
    linked.far.let_in()
    assert_mended(linked, "3")


def test_no_instep_on_the_far_path(linked: FarPair) -> None:  # I29
    linked.far.noise.write_text("PATH=/usr/bin:/bin\n")
    cut(linked)
    write(linked.a, "4", b"4")
    eventually(lambda: condition(linked, "no-instep-there"), "the condition")
    local = linked.far.home / ".local/bin/instep"
    local.parent.mkdir(parents=True)
    found = shutil.which("instep")
    assert found is not None
    local.symlink_to(found)
    assert_mended(linked, "4")  # as pip and pipx leave it: on the PATH of login shells only
    linked.far.noise.unlink()


def test_a_server_that_is_down_is_no_trouble(linked: FarPair) -> None:  # I29
    linked.far.stop()
    cut(linked)
    write(linked.a, "5", b"5")
    eventually(
        lambda: "refused" in linked.status(linked.a)["remotes"][0]["reason"], "the reason in ssh's words"
    )
    status = linked.status(linked.a)
    assert (status["state"], status["attention"]) == ("waiting", [])
    linked.far.start()
    assert_mended(linked, "5")


def test_a_key_for_one_folder_reaches_nothing_else(linked: FarPair, tmp_path: Path) -> None:
    write(linked.far.home, "secret/x", b"not for everybody\n")
    linked.far.let_in(only_to=linked.b)
    said = linked.instep("up", tmp_path / "c", f"{LIMITED}:secret")
    assert "it was a git-annex repository" in said.out, "that folder, whatever is asked for"
    linked.wait(tmp_path / "c")
    assert read(tmp_path / "c", "from-the-start") == b"whole\n"
    assert not os.path.lexists(tmp_path / "c/x")
    assert os.listdir(linked.far.home / "secret") == ["x"]
    write(tmp_path / "c", "from-c", b"through the middle\n")
    eventually(lambda: read(linked.a, "from-c") is not None, "the file at the other end")  # I16
    linked.instep("down", tmp_path / "c")
    linked.far.let_in()


def test_the_ssh_that_git_uses(tmp_path: Path, linked: FarPair) -> None:
    wrapper = tmp_path / "my ssh"
    wrapper.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\nexec {linked.far.bin}/ssh "$@"\n')
    wrapper.chmod(0o755)
    (tmp_path / "c").mkdir()
    linked.instep("up", tmp_path / "c")
    (tmp_path / "c/.git/config").open("a").write(f"[core]\n\tsshCommand = '{wrapper}'\n")
    linked.instep("up", tmp_path / "c", linked.far.address("Docs"))
    linked.wait(tmp_path / "c")
    assert read(tmp_path / "c", "from-the-start") == b"whole\n"
    calls = (tmp_path / "called").read_text().splitlines()
    assert any("BatchMode=yes" in call and call.endswith("instep link Docs") for call in calls)
    linked.instep("down", tmp_path / "c")


def test_odd_names_reach_the_far_end_as_they_are(far_pair: FarPair) -> None:
    name = b'it\'s "odd" $HOME `x` \\ !* ~ \n \xff'
    far_pair.b = far_pair.far.home / os.fsdecode(name)
    write(far_pair.a, "x", b"x\n")
    far_pair.instep("up", far_pair.a, f"{HOST}:".encode() + name)
    far_pair.wait(far_pair.a)
    assert read(far_pair.b, "x") == b"x\n"
    write(far_pair.b, "y", b"y\n")
    far_pair.assert_equal()
