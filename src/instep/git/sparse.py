"""Which tracked files a sparse checkout leaves out of the work tree, by the patterns of its file.

The patterns are written like those of an ignore file, in cone mode too, and the last one that matches a path
takes it in or, with `!`, leaves it out; where none matches the path itself, the nearest directory above
decides that one does match (git's `path_in_sparse_checkout`).
"""

import os
import threading

from instep.core.types import RelPath
from instep.git.ignore import Rules
from instep.git.repository import Repository

_Identity = tuple[tuple[int, int, int] | None, ...]


class SparseCheckout:
    """One work tree's. Read again whenever its files are other ones; safe to use from several threads."""

    def __init__(self, repo: Repository) -> None:
        self._git = repo.git
        self._patterns = repo.git_dir + b"/info/sparse-checkout"
        self._files = (self._patterns, repo.common_dir + b"/config", repo.git_dir + b"/config.worktree")
        self._lock = threading.Lock()
        self._read: tuple[_Identity, Rules | None] = ((), None)

    def leaves_out(self, path: RelPath) -> bool:
        """Whether this file, if nothing is there, is absent on purpose."""
        rules = self._rules()
        return rules is not None and not _takes_in(rules, path)

    def _rules(self) -> Rules | None:
        if not os.path.lexists(self._patterns):
            return None
        with self._lock:
            now = tuple(_identity(file) for file in self._files)
            if self._read[0] != now:
                self._read = (now, self._read_patterns())
            return self._read[1]

    def _read_patterns(self) -> Rules | None:
        """None while the checkout is not sparse. Asked of git, not of the configuration as it was read some
        time ago: files that go because of a setting must not look deleted (I2)."""
        if self._git.run("config", "--bool", "core.sparseCheckout", check=False).strip() != b"true":
            return None
        with open(self._patterns, "rb") as file:
            return Rules(b"", file.read(), fold=False)


def _takes_in(rules: Rules, path: bytes) -> bool:
    is_dir = False
    while path:
        said = rules.verdict(path, path.rpartition(b"/")[2], is_dir)
        if said is not None:
            return said
        path, is_dir = path.rpartition(b"/")[0], True
    return False


def _identity(file: bytes) -> tuple[int, int, int] | None:
    try:
        st = os.stat(file)
    except FileNotFoundError:
        return None
    return st.st_ino, st.st_size, st.st_mtime_ns
