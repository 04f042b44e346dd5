import mmap
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from instep.fs.lease import Writers, give_back, take, writer_state


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "f"
    path.write_bytes(b"1" * mmap.PAGESIZE)
    return path


def state(path: Path) -> Writers:
    fd = os.open(path, os.O_RDONLY)
    try:
        return writer_state(fd)
    finally:
        os.close(fd)


def test_nobody_writes(file: Path) -> None:
    with file.open("rb"):
        assert state(file) is Writers.NONE


def test_an_open_descriptor_is_seen_by_any_name(file: Path) -> None:
    other = file.with_name("other")
    os.link(file, other)
    with other.open("ab"):
        assert state(file) is Writers.OPEN
    assert state(file) is Writers.NONE


def test_a_shared_mapping_is_seen_without_its_descriptor(file: Path) -> None:
    with file.open("r+b") as opened:
        mapped = mmap.mmap(opened.fileno(), 0)
    assert state(file) is Writers.OPEN
    mapped.close()
    assert state(file) is Writers.NONE


def test_a_writer_waits_while_the_lease_is_held(file: Path) -> None:
    fd = os.open(file, os.O_RDONLY)
    assert take(fd) is Writers.NONE
    with pytest.raises(BlockingIOError):
        os.open(file, os.O_WRONLY | os.O_NONBLOCK)
    give_back(fd)
    give_back(fd)
    os.close(os.open(file, os.O_WRONLY | os.O_NONBLOCK))
    os.close(fd)


def test_a_broken_lease_does_not_end_the_process(file: Path) -> None:
    """SIGIO, the kernel's default, would; a child has the default dispositions."""
    code = (
        "import os, signal, sys; from instep.fs.lease import take\n"
        "signal.signal(signal.SIGIO, signal.SIG_DFL)\n"
        "fd = os.open(sys.argv[1], os.O_RDONLY); take(fd)\n"
        "try: os.open(sys.argv[1], os.O_WRONLY | os.O_NONBLOCK)\n"
        "except BlockingIOError: print('alive')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, file], capture_output=True, check=False)
    assert done.stdout == b"alive\n"
    assert done.returncode != -signal.SIGIO
