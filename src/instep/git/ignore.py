"""Which paths git ignores: `.gitignore` files, `info/exclude` and `core.excludesFile`, combined as git does.

The file nearest to the path decides, in it the last line that matches. What lies below an ignored directory
is ignored, whatever other lines say. `.git` is always ignored (I23). Only paths that git does not track are
meant: the caller asks about no others (I22).
"""

import contextlib
import os
import re
import stat
import threading
from collections.abc import Iterable
from itertools import groupby

from instep.core.types import RelPath
from instep.fs.identity import Identity
from instep.git.repository import Repository
from instep.git.wildmatch import Pattern, parse

_MOST_BYTES = 4 << 20


class _Group:
    """Patterns in a row that mean the same, as one regular expression."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        group = list(patterns)
        self.ignores = not group[0].negated
        self.directory_only = group[0].directory_only
        self.basename = group[0].basename
        alternatives = b"|".join(pattern.regex for pattern in group)
        self.matches = re.compile(b"(?:" + alternatives + b")", re.DOTALL).fullmatch


class Rules:
    """One file of patterns: the directory that it stands in (`b""`, or ending in a slash), and they."""

    def __init__(self, base: bytes, text: bytes, fold: bool) -> None:
        self._fold = fold
        self._base_length = len(base)
        groups = groupby(parse(text, fold=fold), key=lambda pattern: pattern[1:])
        self._groups = [_Group(patterns) for _, patterns in groups]
        self._groups.reverse()

    def verdict(self, path: bytes, name: bytes, is_dir: bool) -> bool | None:
        """Matched (True), matched by a pattern with `!` (False), or nothing said."""
        below = path[self._base_length :]
        if self._fold:
            below, name = below.lower(), name.lower()
        for group in self._groups:
            if group.directory_only and not is_dir:
                continue
            if group.matches(name if group.basename else below):
                return group.ignores
        return None

    def __bool__(self) -> bool:
        return bool(self._groups)


class _Directory:
    """A directory that was asked about: ignored itself, or the rules for what is in it, nearest first."""

    __slots__ = ("ignored", "rules")

    def __init__(self, ignored: bool, rules: tuple[Rules, ...]) -> None:
        self.ignored = ignored
        self.rules = rules


class IgnoreRules:
    """One folder's rules. Files are read when first needed and remembered until `forget`.

    Safe to use from several threads.
    """

    def __init__(
        self,
        root: bytes,
        git_dir: bytes,
        excludes_file: str | bytes | None = None,
        *,
        ignore_case: bool = False,
    ) -> None:
        """`git_dir` is where `info/exclude` is: the repository's common directory."""
        self._root = root
        self._exclude = git_dir + b"/info/exclude"
        self._excludes_file = os.fsencode(excludes_file) if excludes_file else None
        self._fold = ignore_case
        self._directories: dict[bytes, _Directory] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, repo: Repository) -> "IgnoreRules":
        """The rules of a repository with a work tree, as its configuration stands."""
        named = repo.config.get_path("core.excludesFile")
        if named is None and repo.config.get("core.excludesFile") is None:
            home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
            named = home + "/git/ignore"
        excludes_file = os.path.join(repo.root, os.fsencode(named)) if named else None
        ignore_case = repo.config.get_bool("core.ignoreCase")
        return cls(repo.root, repo.common_dir, excludes_file, ignore_case=ignore_case)

    def ignored(self, path: RelPath, is_dir: bool) -> bool:
        """Whether git ignores the path if it does not track it. The root is never ignored."""
        if not path:
            return False
        parent, _, name = path.rpartition(b"/")
        if name == b".git":
            return True
        directory = self._directories.get(parent)
        if directory is None:
            with self._lock:
                directory = self._enter(parent)
        return directory.ignored or _verdict(directory.rules, path, name, is_dir)

    def forget(self) -> None:
        """Reads everything again when next asked: an ignore file changed."""
        with self._lock:
            self._directories.clear()

    def outside(self) -> tuple[bytes, ...]:
        """What decides besides the `.gitignore` files: equal as long as nothing of it changes."""
        files = (self._exclude, self._excludes_file or b"")
        return (b"%d" % self._fold, *files, *map(_identity, files))

    def _enter(self, path: bytes) -> _Directory:
        """What is to know of a directory, and of those above it. Not recursive: trees may be deep."""
        missing: list[bytes] = []
        while (found := self._directories.get(path)) is None and path:
            missing.append(path)
            path = path.rpartition(b"/")[0]
        if found is None:
            found = self._directories[b""] = self._top()
        for below in reversed(missing):
            found = self._directories[below] = self._below(found, below)
        return found

    def _top(self) -> _Directory:
        files = (self._root + b"/.gitignore", self._exclude, self._excludes_file)
        rules = (self._read(file, b"", follow=number > 0) for number, file in enumerate(files) if file)
        return _Directory(False, tuple(each for each in rules if each))

    def _below(self, parent: _Directory, path: bytes) -> _Directory:
        name = path.rpartition(b"/")[2]
        if parent.ignored or name == b".git" or _verdict(parent.rules, path, name, True):
            return _Directory(True, ())
        own = self._read(b"%b/%b/.gitignore" % (self._root, path), path + b"/", follow=False)
        return _Directory(False, (own, *parent.rules)) if own else parent

    def _read(self, file: bytes, base: bytes, *, follow: bool) -> Rules:
        return Rules(base, read_rules(file, follow=follow), self._fold)


def _identity(file: bytes) -> bytes:
    try:
        return repr(Identity.of(os.stat(file))).encode()
    except OSError:
        return b""


def read_rules(file: bytes, *, follow: bool) -> bytes:
    """The text of a file of rules; empty if there is no such file. As in git, one in the work tree may be no
    symlink."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    with contextlib.suppress(OSError):
        fd = os.open(file, flags)
        try:
            if stat.S_ISREG(os.fstat(fd).st_mode):
                return _read_all(fd)
        finally:
            os.close(fd)
    return b""


def _read_all(fd: int) -> bytes:
    with open(fd, "rb", closefd=False) as stream:
        return stream.read(_MOST_BYTES)


def _verdict(rules: tuple[Rules, ...], path: bytes, name: bytes, is_dir: bool) -> bool:
    for each in rules:
        if (verdict := each.verdict(path, name, is_dir)) is not None:
            return verdict
    return False
