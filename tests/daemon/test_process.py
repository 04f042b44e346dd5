"""Real background processes: one per folder, ready or refused in a sentence, stopped cleanly, and killed."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from instep.core.errors import InstepError
from instep.daemon.client import NotRunning, ask, is_running, watch
from instep.daemon.lock import AlreadyRunning, FolderLock, holder
from instep.daemon.logbook import read_lines
from instep.daemon.places import known_folders, log_file, output_file
from instep.daemon.process import Launch, StartFailed, Starting, stop
from instep.remotes.socket_path import find_socket
from tests.conftest import RepositoryMaker, run_git
from tests.daemon.fake_instep import COMMAND
from tests.system.harness import eventually

pytestmark = pytest.mark.system


@pytest.fixture
def folder(plain_repository: RepositoryMaker) -> Iterator[Path]:
    root = plain_repository("folder")
    yield root
    stop(root)


def start(root: Path) -> int:
    return Starting(root, COMMAND).wait()


def start_and_stop(root: Path) -> int:
    pid = start(root)
    stop(root)
    return pid


def processes_of(root: Path) -> set[int]:
    """The background processes of a folder, whether they work already or not."""
    words = {os.fsencode(root), os.fsencode(COMMAND[1])}
    found: set[int] = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if words <= set(Path("/proc", name, "cmdline").read_bytes().split(b"\0")):
                found.add(int(name))
    return found


def wait_for_end(pid: int) -> None:
    os.waitpid(pid, 0)  # a test is the parent; `up` in its own process is not there any more


def test_start_ask_and_stop(folder: Path) -> None:
    assert not is_running(folder)
    pid = start(folder)
    assert holder(folder / ".git") == pid
    status = ask(folder, "status")
    assert (status["folder"], status["in_step"]) == (str(folder), True)
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert os.getsid(pid) == pid
    assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"
    assert os.readlink(f"/proc/{pid}/fd/2") == str(output_file(folder))
    socket = find_socket(folder)
    assert socket is not None
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    assert folder in known_folders()
    assert stop(folder) is True
    assert stop(folder) is False
    assert not is_running(folder)
    with pytest.raises(NotRunning):
        ask(folder, "status")
    assert [line["event"] for line in read_lines(log_file(folder))] == ["start", "test", "stop"]


def test_until_it_is_waited_for_it_touches_nothing(folder: Path) -> None:
    starting = Starting(folder, COMMAND)
    starting.cancel()
    assert holder(folder / ".git") is None
    assert not log_file(folder).exists()


def test_it_ends_with_whoever_started_it(folder: Path) -> None:  # I27
    script = f"import os; from instep.daemon.process import *; Starting(Path({str(folder)!r}), {COMMAND})"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=60)
    assert done.stdout == b""
    assert not is_running(folder)
    eventually(lambda: not processes_of(folder))
    assert not log_file(folder).exists()


def test_a_process_is_loaded_ahead_for_a_folder_that_is_kept(folder: Path) -> None:
    launch = Launch(COMMAND)
    launch.load_ahead(folder)
    assert processes_of(folder) == set(), "it was never kept"
    wait_for_end(start_and_stop(folder))
    launch.load_ahead(folder)
    eventually(lambda: processes_of(folder))  # the kernel shows the command a little late
    (ahead,) = processes_of(folder)
    assert launch.start(folder).wait() == ahead
    launch.load_ahead(folder)
    assert processes_of(folder) == {ahead}, "it runs already"
    launch.close()
    assert is_running(folder)


def test_what_was_loaded_ahead_in_vain_is_ended(folder: Path) -> None:
    wait_for_end(start_and_stop(folder))
    launch = Launch(COMMAND)
    launch.load_ahead(folder)
    eventually(lambda: processes_of(folder))
    launch.close()
    assert processes_of(folder) == set()


def test_only_one_per_folder(folder: Path) -> None:
    pid = start(folder)
    with pytest.raises(StartFailed, match=f"already, by process {pid}"):
        start(folder)
    with pytest.raises(AlreadyRunning):
        FolderLock(folder, folder / ".git")
    assert is_running(folder)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(folder: Path, how: signal.Signals) -> None:
    pid = start(folder)
    os.kill(pid, how)
    wait_for_end(pid)
    assert find_socket(folder) is None
    assert [line["event"] for line in read_lines(log_file(folder))][-1] == "stop"


def test_killed_and_started_again(folder: Path) -> None:  # I27
    pid = start(folder)
    os.kill(pid, signal.SIGKILL)
    wait_for_end(pid)
    assert not is_running(folder)
    assert stop(folder) is False
    assert start(folder) != pid
    assert is_running(folder)


def test_a_process_that_does_not_answer_is_stopped_too(folder: Path) -> None:
    start(folder)
    socket = find_socket(folder)
    assert socket is not None
    socket.unlink()
    assert stop(folder) is True


@pytest.mark.parametrize(
    ("how", "text", "fix"),
    [
        ("REFUSE", "This folder is refused.", "Do as the test says."),
        ("CRASH", "It can't be started: RuntimeError: crashed as the test wants it", ""),
        ("DIE", "ended at once: last words", "Its whole output is in"),
    ],
)
def test_a_start_that_fails_says_why(folder: Path, how: str, text: str, fix: str) -> None:
    (folder / how).touch()
    with pytest.raises(StartFailed) as caught:
        start(folder)
    assert text in caught.value.text
    assert fix in caught.value.fix
    assert not is_running(folder)


def test_no_repository_no_start(tmp_path: Path) -> None:
    with pytest.raises(InstepError, match="in no folder"):
        start(tmp_path)


def test_watch_ends_with_the_process(folder: Path) -> None:
    start(folder)
    statuses = watch(folder)
    assert next(statuses)["state"] == "in step"
    run_git(folder, "remote", "add", "copy", "/copy")
    run_git(folder, "config", "remote.copy.annex-sync", "false")
    ask(folder, "remotes-changed")
    late = next(statuses)
    assert (late["state"], [remote["name"] for remote in late["remotes"]]) == ("paused", ["copy"])
    stop(folder)
    assert list(statuses) == []


def test_a_folder_with_a_very_long_path(tmp_path: Path, plain_repository: RepositoryMaker) -> None:
    root = plain_repository("/".join(["d" * 200] * 10))
    start(root)
    assert ask(root, "status")["in_step"] is True
    assert stop(root) is True
