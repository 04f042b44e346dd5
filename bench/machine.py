"""What the figures were measured on, in one line."""

import os
import platform
import subprocess
import sysconfig
import tempfile
from pathlib import Path


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return "none"
    return (done.stdout or done.stderr).partition("\n")[0].strip()


def _filesystem(folder: Path) -> str:
    """Kind of the filesystem that holds a folder: the longest mount point above it."""
    found: dict[str, str] = {}
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, point, kind, *_ = line.split()
        if folder.is_relative_to(point):
            found[point] = kind
    return found[max(found, key=len)] if found else "unknown"


def describe() -> str:
    """Cores, memory, kernel, filesystem of the measured folders, versions."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    git_annex = os.path.join(sysconfig.get_path("scripts"), "git-annex")  # beside this Python, or nowhere
    return ", ".join(
        [
            f"{os.cpu_count()} cores",
            f"{memory_gib:.0f} GiB",
            f"Linux {platform.release()}",
            f"{_filesystem(Path(tempfile.gettempdir()).resolve())} (TMPDIR)",
            f"Python {platform.python_version()}",
            _first_line("git", "--version"),
            _first_line(git_annex, "version").replace("version: ", ""),
            " ".join(_first_line("rsync", "--version").split()[:3]),
        ]
    )
