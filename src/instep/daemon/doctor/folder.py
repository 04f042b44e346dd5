"""Checks of one folder: its repository, its process, its disk, its remotes."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from instep.core.errors import InstepError
from instep.core.status import shown
from instep.daemon.client import NotRunning, ask
from instep.daemon.connect import Remotes
from instep.daemon.doctor.finding import Finding, good, trouble
from instep.daemon.doctor.machine import watch_limit
from instep.daemon.examine import examine
from instep.daemon.lock import assistant
from instep.daemon.places import git_dir_of
from instep.git.errors import sentence
from instep.git.locks import stale_locks
from instep.git.process import Git
from instep.git.repository import Repository
from instep.remotes.dial import LocalPath, parse_remote

RESERVE_BYTES = 1 << 30
"""With less than this free a folder can stop at any moment."""
FEW_INODES = 10_000
WATCHES_TO_SPARE = 2
"""Other programs need some too."""
MOST_NAMED = 5
DAY_S = 86_400


def kind(root: Path) -> Iterator[Finding]:
    """Is it a folder that can be kept in step?"""
    try:
        found = examine(root)
    except InstepError as error:
        yield trouble("repository-unsupported", detail=f"{error.text} {error.fix}")
        return
    yield good(f"{root} is {found.kind.value} on the branch {found.branch}")


def process(root: Path) -> Iterator[Finding]:
    """Is it being kept in step, and what does its process complain of?"""
    try:
        status = ask(root, "status")
    except NotRunning:
        yield trouble("not-running", str(root))
        return
    yield good(f"its process runs: {status['state']}")
    for item in status["attention"]:
        yield Finding(item["severity"], item["text"], item["fix"], item["code"], item["subject"])


def others(root: Path) -> Iterator[Finding]:
    """Does another program of this kind keep the same folder?"""
    if (pid := assistant(_git_dir(root))) is not None:
        yield trouble("assistant-runs", str(root), str(pid))
    else:
        yield good("no git-annex assistant works on the same files")


def clock(root: Path) -> Iterator[Finding]:
    """Does the clock agree with the history?"""
    said = _git(root).run("log", "-1", "--format=%ct", "--all", check=False).strip()
    ahead_s = int(said or b"0") - time.time()
    if ahead_s > DAY_S:
        yield trouble("clock-behind", detail=f"{ahead_s / DAY_S:.0f} days")
    else:
        yield good("the clock and the history agree")


def watches(root: Path) -> Iterator[Finding]:
    """Can all its directories be watched?"""
    limit = watch_limit("max_user_watches")
    directories = sum(1 for _ in _directories(root))
    if limit is not None and directories * WATCHES_TO_SPARE > limit:
        yield trouble("watch-limit-near", detail=f"{directories} directories, and the limit is {limit}")
    else:
        yield good(f"all its directories can be watched: {directories}")


def _directories(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Every directory that is the folder's own, with its files."""
    for directory, below, files in os.walk(os.fspath(root)):
        nested = directory != os.fspath(root) and ".git" in (*below, *files)
        below[:] = [] if nested else [name for name in below if name != ".git"]
        yield directory, files


def space(root: Path) -> Iterator[Finding]:
    """Is there room on its disk?"""
    disk = os.statvfs(root)
    free_bytes = disk.f_bavail * disk.f_frsize
    if free_bytes < RESERVE_BYTES:
        yield trouble("space-low", str(root), f"{free_bytes / 1e6:.0f} MB")
    elif disk.f_files and disk.f_favail < FEW_INODES:
        yield trouble("space-low", str(root), f"room for {disk.f_favail} files")
    else:
        yield good(f"there are {free_bytes / 1e9:.1f} GB free")


def permissions(root: Path) -> Iterator[Finding]:
    """Can everything be read, and every directory be written?"""
    barred = 0
    for directory, files in _directories(root):
        usable = os.access(directory, os.R_OK | os.W_OK | os.X_OK)
        names = [directory] if not usable else []
        names += [path for name in files if _is_barred(path := os.path.join(directory, name))]
        for path in names:
            barred += 1
            if barred <= MOST_NAMED:
                below = os.path.relpath(path, root)
                yield trouble("file-unreadable", shown(os.fsencode(below)), "permission denied")
    if barred > MOST_NAMED:
        yield trouble("file-unreadable", f"{barred - MOST_NAMED} more", "permission denied")
    if not barred:
        yield good("all its files can be read and all its directories written")


def _is_barred(path: str) -> bool:
    return not os.path.islink(path) and os.path.lexists(path) and not os.access(path, os.R_OK)


def locks(root: Path) -> Iterator[Finding]:
    """Did a git that was killed leave its locks?"""
    repo = Repository.open(root)
    try:
        old = stale_locks(repo)
    finally:
        repo.close()
    for path in old:
        yield trouble("stale-lock", shown(path))
    if not old:
        yield good("no lock is left in its repository")


def objects(root: Path) -> Iterator[Finding]:
    """Is the history whole?"""
    git = _git(root)
    done = git.result("fsck", "--connectivity-only", "--no-dangling", "--no-progress")
    if done.returncode:
        yield trouble(
            "repository-broken", detail=sentence(done.stderr + done.stdout, "git fsck found faults")
        )
    else:
        yield good("its history is whole")


def remotes(root: Path) -> Iterator[Finding]:
    """Does each remote's address mean something?"""
    for name, url in Remotes(root).config().remotes().items():
        try:
            address = parse_remote(url)
        except InstepError as error:
            yield trouble("remote-refused", name, error.text)
            continue
        if isinstance(address, LocalPath) and not (root / os.path.expanduser(address.path)).is_dir():
            yield trouble("remote-absent", name, url)
        else:
            yield good(f"the remote {name} is {url}")


def _git_dir(root: Path) -> Path:
    return git_dir_of(root) or root / ".git"


def _git(root: Path) -> Git:
    return Git(os.fsencode(_git_dir(root)), os.fsencode(root), bare=False)
