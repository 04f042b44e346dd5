"""Where sockets and state are: short, private, and the same for everybody who looks."""

import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from instep.remotes import socket_path as module
from instep.remotes.errors import UnsafeDirectory
from instep.remotes.socket_path import (
    MAX_SOCKET_PATH_BYTES,
    find_socket,
    folder_id,
    socket_path,
    state_dir,
    state_dirs,
)


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A short runtime directory that is ours."""
    with tempfile.TemporaryDirectory(prefix="is") as directory:
        yield Path(directory)


@pytest.fixture
def _runtime_is_set(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))


def bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(path))


@pytest.mark.usefixtures("_runtime_is_set")
def test_it_is_in_the_runtime_directory_and_private(runtime: Path, tmp_path: Path) -> None:
    path = socket_path(tmp_path)
    assert path.parent == runtime / "instep"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert find_socket(tmp_path) is None
    bind(path)
    assert find_socket(tmp_path) == path


def test_a_folder_is_itself_by_every_name(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("a")
    names = (tmp_path / "a", str(tmp_path / "link"), os.fsencode(tmp_path) + b"/a/../a/", tmp_path / "link/.")
    assert len({folder_id(name) for name in names}) == 1
    assert folder_id(tmp_path) != folder_id(tmp_path / "a")
    assert len(folder_id(b"/\xff\n" + b"x" * 3000)) == 32


def test_long_runtime_directories_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("x" * 80)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    path = socket_path(tmp_path / ("y" * 200))
    assert len(os.fsencode(path)) < MAX_SOCKET_PATH_BYTES
    assert not path.is_relative_to(long)


@pytest.mark.parametrize("value", ["", "relative/dir", "/does/not/exist", "/proc/version"])
def test_unusable_runtime_directories_are_passed_over(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", value)
    assert socket_path("/x").parent in (
        Path(f"/run/user/{os.geteuid()}/instep"),
        Path(f"/tmp/instep-{os.geteuid()}"),
    )


def test_a_socket_is_found_though_the_environment_differs(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    path = socket_path(tmp_path)
    bind(path)
    try:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        assert find_socket(tmp_path) == path
    finally:
        path.unlink()


@pytest.mark.usefixtures("_runtime_is_set")
def test_a_directory_open_to_others_is_closed(runtime: Path, tmp_path: Path) -> None:
    (runtime / "instep").mkdir()
    (runtime / "instep").chmod(0o755)
    bind(runtime / "instep" / (folder_id(tmp_path) + ".sock"))
    assert find_socket(tmp_path) is None
    socket_path(tmp_path)
    assert stat.S_IMODE((runtime / "instep").stat().st_mode) == 0o700
    assert find_socket(tmp_path) is not None


@pytest.mark.usefixtures("_runtime_is_set")
@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_directory_of_ours_is_refused(runtime: Path, tmp_path: Path, kind: str) -> None:
    if kind == "file":
        (runtime / "instep").write_text("x")
    else:
        (runtime / "instep").symlink_to(tmp_path)
    with pytest.raises(UnsafeDirectory, match="instep"):
        socket_path(tmp_path)
    assert find_socket(tmp_path) is None


def test_state_directories_are_private_and_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert state_dirs() == []
    directory = state_dir(tmp_path)
    assert directory == state_dir(tmp_path) == tmp_path / "state/instep" / folder_id(tmp_path)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert state_dirs() == [directory]


def test_the_import_is_light() -> None:
    """The command line starts with this module."""
    heavy = {"anyio", "asyncio", "msgspec", "platformdirs"}
    code = f"import sys, {module.__name__}; print(sorted({heavy} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout == "[]\n"
