"""What a person has begun with git in a work tree and not finished: then nothing else may be done there.

A merge, rebase, cherry-pick, revert or bisection under way leaves its file or directory in the git directory
of the work tree, by which `git status` knows it too; a detached HEAD names no branch that a commit could go
to.
"""

import os
import re
from typing import NamedTuple

from instep.git.config import Config

_HEADS = b"ref: refs/heads/"
_READ_BYTES = 4096
_REFLOG_BYTES = 1 << 16


class Unfinished(NamedTuple):
    """What is under way, and the command that gives it up. No `what`: only that HEAD is detached."""

    what: str
    way_out: str


_DETACHED = Unfinished("", "git switch BRANCH")
_LEFT_BEHIND = (  # rebase first: it leaves some of the others' files while it stops
    (b"rebase-merge", Unfinished("a rebase", "git rebase --abort")),
    (b"rebase-apply/applying", Unfinished("an am", "git am --abort")),
    (b"rebase-apply", Unfinished("a rebase", "git rebase --abort")),
    (b"MERGE_HEAD", Unfinished("a merge", "git merge --abort")),
    (b"CHERRY_PICK_HEAD", Unfinished("a cherry-pick", "git cherry-pick --abort")),
    (b"REVERT_HEAD", Unfinished("a revert", "git revert --abort")),
    (b"sequencer/todo", Unfinished("a cherry-pick or revert", "git cherry-pick --abort")),
    (b"BISECT_LOG", Unfinished("a bisection", "git bisect reset")),
)


def unfinished(git_dir: bytes) -> Unfinished | None:
    """What is under way in this work tree; None if a branch is checked out and nothing is. Some 20 µs."""
    for name, found in _LEFT_BEHIND:
        if os.access(git_dir + b"/" + name, os.F_OK):
            return found
    return None if _head(git_dir).startswith(_HEADS) else _DETACHED


def branch_of(git_dir: bytes, config: Config) -> str:
    """The branch that is checked out, born or not; while none is, the one that was left and is likely to be
    come back to: a rebase and a bisection say it, and the reflog of HEAD; else the usual name of a first one.
    """
    head = _head(git_dir)
    if head.startswith(_HEADS):
        return os.fsdecode(head.removeprefix(_HEADS).strip())
    for name in (b"rebase-merge/head-name", b"rebase-apply/head-name", b"BISECT_START"):
        word = _read(git_dir + b"/" + name).strip().removeprefix(b"refs/heads/")
        if word and not _is_object(word) and word != b"detached HEAD":
            return os.fsdecode(word)
    return _left(git_dir) or config.get("init.defaultbranch") or "main"


def _left(git_dir: bytes) -> str | None:
    """The last branch that a checkout moved away from."""
    try:
        with open(git_dir + b"/logs/HEAD", "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _REFLOG_BYTES))
            moves = re.findall(rb"\tcheckout: moving from (\S+) to \S+$", file.read(), re.MULTILINE)
    except FileNotFoundError:
        return None
    return next((os.fsdecode(name) for name in reversed(moves) if not _is_object(name)), None)


def _is_object(word: bytes) -> bool:
    return re.fullmatch(rb"[0-9a-f]{7,64}", word) is not None


def _head(git_dir: bytes) -> bytes:
    return _read(git_dir + b"/HEAD")


def _read(path: bytes) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(_READ_BYTES)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return b""
