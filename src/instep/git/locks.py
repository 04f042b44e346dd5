"""Lock files that a killed git left behind (I27).

git locks a file by making `FILE.lock` and removes it when it is done; one that was killed removes nothing,
and every later git refuses to go on. A lock is stale when no git process works on the repository. Which one
does is read from /proc: the working directory, or the repository's path among its words. Of another user's
that can't be read; but then it can have made that user's locks only. Our own lasting git processes are
between two transactions whenever this is asked (the caller is the one writer), so they don't count.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from instep.fs.listed import EXACT
from instep.fs.syscalls import filesystem_magic
from instep.git.repository import Repository

MIN_AGE_S = 1.0
"""A younger lock is let be: its owner may be a process that has just begun or ended."""

_MOVERS = frozenset(
    {
        b"merge",
        b"pull",
        b"checkout",
        b"switch",
        b"reset",
        b"stash",
        b"rebase",
        b"am",
        b"cherry-pick",
        b"revert",
    }
)
"""git's commands that change the work tree and the index, and then HEAD or the branch."""

_FILES = 4
"""The word of a process's `Uid:` line that is the user as whom it makes files (proc_pid_status(5))."""
_TOP_LEVEL = (b"HEAD.lock", b"index.lock", b"packed-refs.lock", b"config.lock")


def remove_stale_locks(repo: Repository, wait: Callable[[float], object] = time.sleep) -> list[bytes]:
    """Remove the locks that nobody holds; gives their paths. Nothing is removed while any git works there.

    Blocking: where a lock is too young to be judged, it waits (in seconds) until it no longer is.
    """
    removed: list[bytes] = []
    young = [path for path in _locks(repo) if _is_young(path)]
    if _unheld(repo, young):
        wait(MIN_AGE_S)
    for path in stale_locks(repo):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
            removed.append(path)
    return removed


def stale_locks(repo: Repository) -> list[bytes]:
    """The locks that nobody holds; none while any git works there."""
    return _unheld(repo, [path for path in _locks(repo) if not _is_young(path)])


def git_at_work(repo: Repository, path: bytes) -> bool:
    """Whether a git process that is not a child of ours works on this repository, and may have made this
    file."""
    return not _unheld(repo, [path])


def mover_at_work(repo: Repository) -> bool:
    """Whether one of them changes the work tree and then moves HEAD or the branch: a merge, a checkout. A
    git-annex, which may go on for long after its merge, is none."""
    return any(_moves_head(git.words) for git in _at_work(repo))


def _moves_head(words: list[bytes]) -> bool:
    return bool(words) and os.path.basename(words[0]) == b"git" and not _MOVERS.isdisjoint(words)


class _Git(NamedTuple):
    """A git process that works on the repository; or (`hidden`) may, as it can't be looked into."""

    words: list[bytes]
    user: int
    """As whom it makes files."""
    hidden: bool


def _unheld(repo: Repository, paths: list[bytes]) -> list[bytes]:
    """The files that were made by no git that is at work."""
    if not paths:
        return []
    gits = list(_at_work(repo))
    if any(not git.hidden for git in gits):
        return []
    users = {git.user for git in gits}
    return [path for path in paths if not users or _maker(path) not in {*users, None}]


def _maker(path: bytes) -> int | None:
    """The user who made a file; None: that is not told, as on a network share."""
    try:
        fd = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.fstat(fd).st_uid if filesystem_magic(fd) in EXACT else None
    finally:
        os.close(fd)


def _at_work(repo: Repository) -> Iterator[_Git]:
    for name in os.listdir("/proc"):
        if name.isdecimal() and (user := _foreign_git(int(name))) is not None:
            git = _looked_into(int(name), user, repo)
            if git is not None:
                yield git


def _locks(repo: Repository) -> Iterator[bytes]:
    for directory in {repo.git_dir, repo.common_dir}:
        yield from (path for name in _TOP_LEVEL if os.path.lexists(path := directory + b"/" + name))
    for directory, _, files in os.walk(repo.common_dir + b"/refs"):
        yield from (directory + b"/" + name for name in files if name.endswith(b".lock"))


def _is_young(path: bytes) -> bool:
    """One from the future is not: the clock was set back since (I20)."""
    try:
        return 0 <= time.time() - os.lstat(path).st_mtime < MIN_AGE_S
    except FileNotFoundError:
        return True


def _foreign_git(pid: int) -> int | None:
    """As whom it makes files; None: it is no git, or a child of ours."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            before, _, after = file.read().rpartition(b")")
        if not before.partition(b"(")[2].startswith(b"git") or int(after.split()[1]) == os.getpid():
            return None
        with open(f"/proc/{pid}/status", "rb") as file:  # dear: of gits only
            (users,) = (line for line in file if line.startswith(b"Uid:"))
    except OSError:
        return None
    return int(users.split()[_FILES])


def _looked_into(pid: int, user: int, repo: Repository) -> _Git | None:
    """None: it has nothing to do with this repository."""
    try:
        where = os.readlink(b"/proc/%d/cwd" % pid)
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read()
    except FileNotFoundError:
        return None
    except OSError:
        return _Git([], user, hidden=True)
    concerns = where == repo.root or where.startswith(repo.root + b"/") or repo.root in words
    return _Git(words.split(b"\0"), user, hidden=False) if concerns else None
