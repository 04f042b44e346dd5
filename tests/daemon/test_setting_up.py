"""One `up` at a time, and who it left behind when it was killed."""

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from instep.daemon.places import setup_lock_file
from instep.daemon.setting_up import SettingUp


def is_held(root: Path) -> bool:
    fd = os.open(setup_lock_file(root), os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def test_it_is_held_in_the_block(tmp_path: Path) -> None:
    with SettingUp(tmp_path):
        assert is_held(tmp_path)
        with SettingUp(tmp_path / "other"):  # waits for nobody
            pass
    assert not is_held(tmp_path)
    with pytest.raises(RuntimeError), SettingUp(tmp_path):
        raise RuntimeError
    assert not is_held(tmp_path)


def test_who_inherited_it_holds_it(tmp_path: Path) -> None:  # I27
    with SettingUp(tmp_path) as turn:
        left = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[turn.fd])
    assert is_held(tmp_path)
    left.communicate()
    assert not is_held(tmp_path)
