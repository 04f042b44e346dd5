"""What `.gitattributes` files, `info/attributes` and `core.attributesFile` say of a path.

As in git: `info/attributes` is asked first, then the file nearest to the path, and so on upwards, at the end
the user's own; in a file the last line that matches and names the attribute decides. Macros (`[attr]`) are
not worked out: `macros` names the files where one sets an attribute of ours. Rules: gitattributes(5) and
git's `attr.c`; `tests/git/test_attributes.py` compares with `git check-attr`.
"""

import os
import re
import threading
from collections.abc import Iterator
from typing import NamedTuple

from instep.core.types import RelPath
from instep.git.ignore import read_rules
from instep.git.repository import Repository
from instep.git.wildmatch import translate

_LONGEST_LINE_BYTES = 2047
_WORD = re.compile(rb"[^ \t\r\n]+")
_NAME = re.compile(rb"[-!]?([.\w][-.\w]*)", re.ASCII)
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(rb"\\([0-3][0-7]{2}|.)", re.DOTALL)
_PLAIN = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"} | {
    sign: sign for sign in (b"\\", b'"')
}


class Setting(NamedTuple):
    """What a line says of an attribute: `value` is None for `!name`, else text, `set` or `unset`."""

    value: str | None
    file: bytes


class _Line(NamedTuple):
    regex: re.Pattern[bytes]
    basename: bool
    settings: dict[str, Setting]


class _File:
    """One file of attributes, with the directory that it stands in (`b""`, or ending in a slash)."""

    def __init__(self, base: bytes, name: bytes, text: bytes, names: frozenset[str], fold: bool) -> None:
        self._base_length = len(base)
        self._fold = fold
        self.lines: list[_Line] = []
        self.has_macro = False
        for line in text.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
            pattern, words = _split(line)
            if pattern is None or len(line) > _LONGEST_LINE_BYTES:
                continue
            settings = _settings(words, names, name)
            if not settings:
                continue
            if pattern.startswith(b"[attr]"):
                self.has_macro = True
            elif not pattern.startswith(b"!") and not pattern.endswith(b"/"):  # for no file
                basename = b"/" not in pattern
                regex = re.compile(translate(pattern, basename=basename, fold=fold), re.DOTALL)
                self.lines.append(_Line(regex, basename, settings))
        self.lines.reverse()

    def get(self, path: bytes, leaf: bytes, name: str) -> Setting | None:
        below = path[self._base_length :]
        if self._fold:
            below, leaf = below.lower(), leaf.lower()
        for line in self.lines:
            setting = line.settings.get(name)
            if setting is not None and line.regex.fullmatch(leaf if line.basename else below):
                return setting
        return None


class Attributes:
    """One repository's attributes of these names. Files are read when first needed, and remembered until
    `forget`. Safe to use from several threads."""

    def __init__(self, repo: Repository, names: frozenset[str]) -> None:
        self._root = None if repo.bare else repo.root
        self._names = names
        self._info = repo.common_dir + b"/info/attributes"
        self._fold = repo.config.get_bool("core.ignoreCase")
        home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
        own = repo.config.get_path("core.attributesFile") or os.path.join(home, "git", "attributes")
        self._own = os.path.join(repo.root, os.fsencode(own))
        self._lock = threading.Lock()
        self._ends: tuple[list[_File], list[_File]] | None = None
        self._directories: dict[bytes, tuple[_File, ...]] = {}
        self.macros: set[bytes] = set()
        """Files read so far in which a macro sets one of the attributes."""

    def forget(self) -> None:
        """Reads everything again when next asked: a file changed."""
        with self._lock:
            self._directories.clear()
            self._ends = None
            self.macros.clear()

    def get(self, path: RelPath, name: str) -> Setting | None:
        """What is said of this file; None: nothing, or that it is unspecified (`!name`)."""
        parent, _, leaf = path.rpartition(b"/")
        for file in self._files(parent):
            setting = file.get(path, leaf, name)
            if setting is not None:
                return None if setting.value is None else setting
        return None

    def _files(self, parent: bytes) -> Iterator[_File]:
        with self._lock:
            if self._ends is None:
                self._ends = self._read(self._info, b"", True), self._read(self._own, b"", True)
            first, last = self._ends
            inner = () if self._root is None else self._enter(self._root, parent)
        yield from first
        yield from inner
        yield from last

    def _enter(self, root: bytes, path: bytes) -> tuple[_File, ...]:
        """The files of a directory and of those above it, nearest first. Not recursive: trees may be deep."""
        missing: list[bytes] = []
        while (found := self._directories.get(path)) is None:
            missing.append(path)
            if not path:
                found = ()
                break
            path = path.rpartition(b"/")[0]
        for below in reversed(missing):
            base = below + b"/" if below else b""
            own = self._read(b"%b/%b.gitattributes" % (root, base), base, False)
            found = self._directories[below] = (*own, *found)
        return found

    def _read(self, name: bytes, base: bytes, follow: bool) -> list[_File]:
        file = _File(base, name, read_rules(name, follow=follow), self._names, self._fold)
        if file.has_macro and not base:  # git knows macros only at the top
            self.macros.add(name)
        return [file] if file.lines else []


def _split(line: bytes) -> tuple[bytes | None, list[bytes]]:
    """A line's pattern, if it has one, and the words after it."""
    line = line.lstrip(b" \t\r")
    if not line or line.startswith(b"#"):
        return None, []
    quoted = _QUOTED.match(line)
    if quoted is not None and (pattern := _unquote(quoted[1])) is not None:
        return pattern, _WORD.findall(line[quoted.end() :])
    if line.startswith(b"[attr]"):
        return b"[attr]", _WORD.findall(line[6:])[1:]
    pattern, *words = _WORD.findall(line)
    return pattern, words


def _unquote(quoted: bytes) -> bytes | None:
    """What git's quoting stands for; None if it is none."""
    escapes = _ESCAPE.findall(quoted)
    if any(len(escape) == 1 and escape not in _PLAIN for escape in escapes):
        return None
    return _ESCAPE.sub(lambda found: _PLAIN.get(found[1]) or bytes([int(found[1], 8)]), quoted)


def _settings(words: list[bytes], names: frozenset[str], file: bytes) -> dict[str, Setting]:
    """What the words of a line say of the attributes; nothing if git refuses one of them."""
    found: dict[str, Setting] = {}
    for word in words:
        named, equals, value = word.partition(b"=")
        valid = _NAME.fullmatch(named)
        if valid is None:
            return {}
        name = valid[1].decode()
        if name not in names:
            continue
        if named.startswith((b"-", b"!")):
            text = "unset" if named.startswith(b"-") else None
        else:
            text = os.fsdecode(value) if equals else "set"
        found[name] = Setting(text, file)
    return found
