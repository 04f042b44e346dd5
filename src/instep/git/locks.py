"""Lock files that a killed git left behind (I27).

git locks a file by making `FILE.lock` and removes it when it is done; one that was killed removes nothing,
and every later git refuses to go on. A lock is stale when no git process works on the repository. Which one
does is read from /proc: the working directory, or the repository's path among its words. Our own lasting git
processes are between two transactions whenever this is asked (the caller is the one writer), so they don't
count.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator

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

_TOP_LEVEL = (b"HEAD.lock", b"index.lock", b"packed-refs.lock", b"config.lock")


def remove_stale_locks(repo: Repository, wait: Callable[[float], object] = time.sleep) -> list[bytes]:
    """Remove the locks that nobody holds; gives their paths. Nothing is removed while any git works there.

    Blocking: where a lock is too young to be judged, it waits (in seconds) until it no longer is.
    """
    removed: list[bytes] = []
    if any(_is_young(path) for path in _locks(repo)) and not git_at_work(repo):
        wait(MIN_AGE_S)
    for path in stale_locks(repo):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
            removed.append(path)
    return removed


def stale_locks(repo: Repository) -> list[bytes]:
    """The locks that nobody holds; none while any git works there."""
    locks = [path for path in _locks(repo) if not _is_young(path)]
    return [] if not locks or git_at_work(repo) else locks


def git_at_work(repo: Repository) -> bool:
    """Whether a git process that is not a child of ours works on this repository.

    A process that can't be looked into (another user's) counts as one that does.
    """
    return next(_at_work(repo), None) is not None


def mover_at_work(repo: Repository) -> bool:
    """Whether one of them changes the work tree and then moves HEAD or the branch: a merge, a checkout. A
    git-annex, which may go on for long after its merge, is none."""
    return any(_moves_head(words) for words in _at_work(repo))


def _moves_head(words: list[bytes]) -> bool:
    return bool(words) and os.path.basename(words[0]) == b"git" and not _MOVERS.isdisjoint(words)


def _at_work(repo: Repository) -> Iterator[list[bytes]]:
    """The words of each such process; none of one that can't be looked into."""
    for name in os.listdir("/proc"):
        if name.isdecimal() and _is_foreign_git(int(name)):
            words = _words(int(name), repo)
            if words is not None:
                yield words


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


def _is_foreign_git(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            before, _, after = file.read().rpartition(b")")
    except OSError:
        return False
    return before.partition(b"(")[2].startswith(b"git") and int(after.split()[1]) != os.getpid()


def _words(pid: int, repo: Repository) -> list[bytes] | None:
    """What its command line is; None: it has nothing to do with this repository."""
    try:
        where = os.readlink(b"/proc/%d/cwd" % pid)
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read()
    except FileNotFoundError:
        return None
    except OSError:
        return []
    concerns = where == repo.root or where.startswith(repo.root + b"/") or repo.root in words
    return words.split(b"\0") if concerns else None
