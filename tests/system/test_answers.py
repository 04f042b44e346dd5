"""`up`, `status`, `wait` and `down` tell the truth, in their words and in their exit status."""

import json
import signal
from pathlib import Path

from .harness import Pair, eventually
from .worktree import read, write


def is_reachable(pair: Pair) -> bool:
    """Whether A says that it can reach B."""
    return all(remote["reachable"] for remote in pair.status(pair.a)["remotes"])


def test_status_of_two_folders_in_step(running: Pair) -> None:  # I29
    write(running.a, "x", b"x\n")
    running.settle()
    for here, there in ((running.a, running.b), (running.b, running.a)):
        done = running.instep("status", here)
        assert done.code == 0
        assert "in step" in done.out.lower()
        status = running.status(here)
        assert Path(status["folder"]) == here.resolve()
        assert status["in_step"] is True
        assert status["state"] == "in step"
        assert (status["transfers"], status["attention"]) == ([], [])
        (remote,) = status["remotes"]
        assert (remote["reachable"], remote["in_step"], remote["outstanding"]) == (True, True, [])
        assert there.name in remote["url"]
        assert remote["uuid"]
    assert running.status(running.a)["head"] == running.status(running.b)["head"]


def test_the_current_directory_says_which_folder(running: Pair) -> None:
    write(running.a, "deep/down/x", b"x\n")
    inside = running.a / "deep/down"
    assert running.instep("wait", "--timeout", "60", cwd=inside).code == 0
    assert json.loads(running.instep("status", "--json", cwd=inside).out)["folder"] == str(
        running.a.resolve()
    )


def test_log_and_remote_list(running: Pair) -> None:
    write(running.a, "logged.txt", b"x\n")
    running.wait(running.a)
    assert "logged.txt" in running.instep("log", running.a).out
    for line in running.instep("log", "--json", running.a).out.splitlines():
        assert isinstance(json.loads(line), dict)
    assert str(running.b) in running.instep("remote", "list", cwd=running.a).out


def test_up_again_changes_nothing(running: Pair) -> None:
    before = running.daemon(running.a)
    running.instep("up", running.a, running.b)
    assert running.daemon(running.a) == before
    assert len(running.status(running.a)["remotes"]) == 1


def test_wait_says_what_is_outstanding_when_the_time_is_up(pair: Pair) -> None:  # I29
    pair.up()
    stopped = pair.daemon(pair.b)
    pair.signal_one(stopped, signal.SIGSTOP)
    try:
        write(pair.a, "stuck.txt", b"x\n")
        done = pair.instep("wait", "--timeout", "2", pair.a, check=False)
    finally:
        pair.signal_one(stopped, signal.SIGCONT)
    assert done.code == 1
    assert (done.out + done.err).strip()
    pair.wait(pair.a)
    assert read(pair.b, "stuck.txt") == b"x\n"


def test_status_while_the_other_side_is_down(pair: Pair) -> None:  # I15 I29
    pair.up()
    pair.instep("down", pair.b)
    write(pair.a, "later.txt", b"x\n")
    eventually(lambda: not is_reachable(pair), "B is known to be out of reach")
    eventually(lambda: pair.instep("status", pair.a, check=False).code == 1, "status says no")
    assert pair.status(pair.a)["in_step"] is False
    pair.instep("up", pair.b)
    eventually(lambda: read(pair.b, "later.txt") == b"x\n", "the file that was made meanwhile")
    pair.settle()
    assert pair.instep("status", pair.a).code == 0


def test_what_is_no_folder_of_ours_is_an_error(pair: Pair, tmp_path: Path) -> None:
    for verb in ("status", "wait", "down", "log"):
        done = pair.instep(verb, tmp_path / "nowhere", check=False)
        assert done.code == 2, verb
        assert done.out == ""
        assert done.err.strip()
        assert "Traceback" not in done.err
    assert pair.instep("status", "--no-such-option", check=False).code == 2


def test_down_leaves_no_process_and_says_so_again(pair: Pair) -> None:
    pair.up().down()
    eventually(lambda: pair.processes() == [], "no process left")
    write(pair.a, "meanwhile", b"x\n")
    assert pair.instep("status", pair.a, check=False).code != 0
    pair.up()
    assert read(pair.b, "meanwhile") == b"x\n"
