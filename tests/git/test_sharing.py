"""Modes in shared repositories, compared with those that git itself gives."""

import os
import stat
from pathlib import Path

import pytest

from instep.git.sharing import Sharing
from tests.conftest import GitRunner


@pytest.mark.parametrize(
    "setting", ["umask", "group", "all", "0640", "0660", "0666", "false", "true", "1", "2"]
)
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_as_git_does(tmp_path: Path, git: GitRunner, setting: str, umask: int) -> None:
    old = os.umask(umask)
    try:
        git(tmp_path, "init", "-q", "--bare", ".")
        git(tmp_path, "config", "core.sharedRepository", setting)
        oid = git(tmp_path, "hash-object", "-w", "--stdin", input=b"x").decode().strip()
    finally:
        os.umask(old)
    fan = tmp_path / "objects" / oid[:2]
    sharing = Sharing(setting, umask)
    assert stat.S_IMODE((fan / oid[2:]).stat().st_mode) == sharing.file_mode(0o444)
    assert stat.S_IMODE(fan.stat().st_mode) == sharing.directory_mode()
