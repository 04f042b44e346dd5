"""What held when the folder was settled, so that the next start need not find it out again.

The folder is settled when git says of one file of its index that it holds just the branch's tree, and that
every file in the work tree is in it or ignored. Then that is written down, with all that it depends on: the
identity of the index, the tree, the ignore rules, and what was in each directory. As long as all of them are
the same, it still is so, and only the tracked files themselves are to be compared.

The book is a cache: whatever is not as it says is looked at as if there were none.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

import msgspec

from instep.core.tree import lookup
from instep.core.types import RelPath
from instep.fs.identity import Identity
from instep.fs.listed import Listed, list_all
from instep.git.differences import compare
from instep.git.errors import GitError
from instep.git.ignore import IgnoreRules
from instep.steps.state import FolderState

_VERSION = 1


class _Facts(NamedTuple):
    version: int
    tree: bytes | None
    index_file: tuple[int, ...]
    rules: tuple[bytes, ...]


class _Book(NamedTuple):
    facts: _Facts
    directories: Mapping[RelPath, Listed]


class SettledBook:
    """One folder's book. Blocking. `read` comes first."""

    def __init__(self, state: FolderState) -> None:
        self._state = state
        self._file = state.repo.private + b"/settled"
        self._read: _Facts | None = None

    def read(self) -> Mapping[RelPath, Listed]:
        """The directories as they were, if the branch, the index and the ignore rules are as they were; else
        none. Which directories are still the same is for the caller to find out."""
        self._read = None
        try:
            with open(self._file, "rb") as file:
                book = msgspec.msgpack.decode(file.read(), type=_Book)
        except (OSError, msgspec.DecodeError):
            return {}
        self._read = book.facts
        return book.directories if self.holds() else {}

    def holds(self) -> bool:
        """Whether the branch, the index and the ignore rules are as in what was read. If the directories are
        too, only the files that the index has can differ."""
        return self._read == self._facts(self._state.ignore)

    def write(self, now_ns: int) -> None:
        """Look, and write down what was found if the folder is settled. Nothing if that is known already, or
        if a directory changed a moment ago."""
        state, rules = self._state, IgnoreRules.of(self._state.repo)

        def skip(path: RelPath, is_dir: bool) -> bool:
            return rules.ignored(path, is_dir) and lookup(state.tree, path, state.repo.objects.tree) is None

        with suppress(OSError, GitError):
            facts = self._facts(rules)
            directories = list_all(state.work_tree.root_fd, skip, now_ns)
            if directories is None or self.read() == directories or not self._is_settled():
                return
            if self._facts(rules) == facts:
                self._write(facts, directories)

    def _is_settled(self) -> bool:
        state = self._state
        found = compare(state.repo.git, state.tree or state.repo.format.empty_tree, files=False)
        return not found.staged and not found.untracked

    def _facts(self, rules: IgnoreRules) -> _Facts:
        try:
            index = tuple(Identity.of(os.stat(self._state.repo.git_dir + b"/index")))
        except OSError:
            index = ()
        return _Facts(_VERSION, self._state.tree, index, rules.outside())

    def _write(self, facts: _Facts, directories: Mapping[RelPath, Listed]) -> None:
        aside = self._file + b".new"
        with open(aside, "wb") as file:
            file.write(msgspec.msgpack.encode(_Book(facts, directories)))
        os.rename(aside, self._file)
