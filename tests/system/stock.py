"""A clone that stock git-annex keeps: its assistant, or a person who calls `git annex sync`."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from instep.daemon.lock import assistant
from tests.conftest import run_git

from .harness import eventually


def clone(folder: Path, to: Path) -> Path:
    """A clone with its own annex, which has all the content."""
    run_git(folder.parent, "clone", "-q", str(folder), str(to))
    for name, value in (("user.name", "Stock"), ("user.email", "stock@example.org")):
        run_git(to, "config", name, value)
    run_git(to, "annex", "init", "-q", to.name)
    eventually(lambda: _has_all(to), "the content, as soon as it is known where it is")
    return to


def _has_all(folder: Path) -> bool:
    run_git(folder, "fetch", "-q", "origin")
    run_git(folder, "annex", "get", "-q", ".", check=False)
    return not run_git(folder, "annex", "find", "--not", "--in=here")


@contextmanager
def assistant_in(folder: Path) -> Generator[None]:
    """`git annex assistant` keeps the folder."""
    run_git(folder, "annex", "assistant")
    eventually(lambda: assistant(folder / ".git"), "the assistant is at work")
    try:
        yield
    finally:
        pid = assistant(folder / ".git")
        run_git(folder, "annex", "assistant", "--stop")
        if pid is not None:
            eventually(lambda: not _is_alive(pid), "the assistant has ended")


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def refs(repository: Path) -> dict[str, str]:
    """Branches and where they stand; not the trees that git-annex notes for itself."""
    form = "--format=%(refname) %(objectname)"
    lines = run_git(repository, "for-each-ref", form, "refs/heads", "refs/synced").decode().splitlines()
    return dict(line.split(" ") for line in lines)


def fall_silent(*repositories: Path, quiet_s: float = 4.0) -> None:
    """Returns once no ref moved anywhere for a while: the assistant pushes a second time some seconds after
    the first. # I13"""
    seen, since_s = [refs(one) for one in repositories], time.monotonic()

    def is_silent() -> bool:
        nonlocal seen, since_s
        now = [refs(one) for one in repositories]
        if now != seen:
            seen, since_s = now, time.monotonic()
        return time.monotonic() - since_s > quiet_s

    eventually(is_silent, "silence")
