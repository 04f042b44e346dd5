"""Starting the process of a folder on this computer, while another one is about to end."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from instep.daemon.lock import holder
from instep.daemon.near import NearSide
from instep.daemon.process import Launch, Starting, stop
from tests.conftest import RepositoryMaker
from tests.daemon.fake_instep import COMMAND

pytestmark = pytest.mark.system

DYING = """
import socket, sys
from pathlib import Path
from instep.daemon.lock import FolderLock
from instep.remotes.socket_path import socket_path
root = Path(sys.argv[1])
lock = FolderLock(root, root / ".git")
listener = socket.socket(socket.AF_UNIX)
listener.bind(str(socket_path(root)))
listener.listen()
print(flush=True)
listener.accept()
"""
"""A process that keeps a folder, and is gone as soon as somebody asks it something."""


@pytest.fixture
def folder(plain_repository: RepositoryMaker) -> Iterator[Path]:
    root = plain_repository("folder")
    yield root
    stop(root)


class TooLate(Launch):
    """Somebody else has started a process in the meantime."""

    def start(self, root: Path) -> Starting:
        self.faster = Starting(root, COMMAND).wait()
        return super().start(root)


def test_one_that_somebody_else_started_just_now_will_do(folder: Path) -> None:  # I27
    launch = TooLate(COMMAND)
    running = NearSide(folder, launch).start(new_remotes=False)
    assert not running.started
    assert running.pid == holder(folder / ".git") == launch.faster


def test_one_that_ends_while_it_is_asked_is_replaced(folder: Path) -> None:  # I27
    with subprocess.Popen([sys.executable, "-c", DYING, folder], stdout=subprocess.PIPE) as dying:
        assert dying.stdout is not None
        dying.stdout.readline()
        running = NearSide(folder, Launch(COMMAND)).start(new_remotes=False)
    assert running.started
    assert running.pid == holder(folder / ".git") != dying.pid
