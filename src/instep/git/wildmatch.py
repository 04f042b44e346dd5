"""One pattern of an ignore file, as a regular expression over bytes.

Rules: gitignore(5) and git's `wildmatch.c` and `dir.c`, down to what they do with broken brackets. Written
here, because names are bytes for git (`?` is one byte, not one character) and a pattern must match a path
itself and not what lies below it, which the libraries at hand do not tell apart. `tests/git/test_ignore.py`
compares with `git check-ignore`.
"""

import re
from typing import NamedTuple

_CLASSES = {
    b"alnum": b"0-9A-Za-z",
    b"alpha": b"A-Za-z",
    b"blank": b" \\t",
    b"cntrl": b"\\x00-\\x1f\\x7f",
    b"digit": b"0-9",
    b"graph": b"\\x21-\\x7e",
    b"lower": b"a-z",
    b"print": b"\\x20-\\x7e",
    b"punct": b"\\x21-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7e",
    b"space": b" \\t\\n\\r\\x0b\\x0c",
    b"upper": b"A-Z",
    b"xdigit": b"0-9A-Fa-f",
}
_SPECIAL = re.compile(rb"[*?\[\\]")
_NEVER = b"(?!)"


class Pattern(NamedTuple):
    """One line of an ignore file.

    `regex` is to match the whole name (if `basename`), else the whole path below the ignore file's directory.
    """

    regex: bytes
    negated: bool
    directory_only: bool
    basename: bool


def parse(text: bytes, *, fold: bool = False) -> list[Pattern]:
    """The patterns of an ignore file, in its order; `fold` as for `translate`."""
    text = text.removeprefix(b"\xef\xbb\xbf").partition(b"\0")[0]
    lines = text.split(b"\n")
    patterns = (_parse_line(line, fold) for line in lines)
    return [pattern for pattern in patterns if pattern is not None]


def _parse_line(line: bytes, fold: bool) -> Pattern | None:
    if line.startswith(b"#"):
        return None
    line = _trim(line.removesuffix(b"\r"))
    negated = line.startswith(b"!")
    if negated:
        line = line[1:]
    directory_only = line.endswith(b"/")
    if directory_only:
        line = line[:-1]
    if not line:
        return None
    basename = b"/" not in line
    return Pattern(translate(line, basename=basename, fold=fold), negated, directory_only, basename)


def _trim(line: bytes) -> bytes:
    """Without the spaces at the end, but for the first if a backslash is before it."""
    kept = line.rstrip(b" ")
    backslashes = len(kept) - len(kept.rstrip(b"\\"))
    return kept + b" " if backslashes % 2 and len(kept) < len(line) else kept


def translate(pattern: bytes, *, basename: bool, fold: bool = False) -> bytes:
    """A regular expression (DOTALL) that matches what git matches with this pattern.

    With `fold` (`core.ignoreCase`) it is for names in lower case: git lowers the name and the plain letters
    of the pattern, but not a letter after a backslash or in brackets.
    """
    if not basename:
        pattern = pattern.removeprefix(b"/")
    special = _SPECIAL.search(pattern)
    if special is None:
        return re.escape(pattern.lower() if fold else pattern)
    # git compares what comes before the first wildcard literally, and starts wildmatch after it
    literal, rest = pattern[: special.start()], pattern[special.start() :]
    try:
        return re.escape(literal.lower() if fold else literal) + _Translator(rest, basename, fold).run()
    except _NeverMatchesError:
        return _NEVER


class _NeverMatchesError(Exception):
    """A pattern that is broken in a way that makes git match nothing with it."""


class _Narrow(NamedTuple):
    """A star that stays within one name (or nothing), and what follows it up to the next star."""

    star: bytes
    rest: list[bytes]


class _Wide(NamedTuple):
    """Stars that cross slashes (or nothing), and what follows them up to the next such stars."""

    stars: bytes
    narrow: list[_Narrow]


def _join(wide: list[_Wide]) -> bytes:
    """One regular expression, which takes no more than quadratic time.

    What follows a star can be matched at the first place where it fits, and never again, if another star of
    the same reach comes after it, because that one can take up whatever is left: such parts are atomic
    groups.
    """
    parts: list[bytes] = []
    for number, (stars, narrow) in enumerate(wide):
        is_last = number == len(wide) - 1
        inner = [star + b"".join(rest) for star, rest in narrow]
        settled = len(inner) - 1 if is_last else len(inner)
        inner[:settled] = [b"(?>" + part + b")" for part in inner[:settled]]
        part = stars + b"".join(inner)
        parts.append(part if is_last else b"(?>" + part + b")")
    return b"".join(parts)


class _Translator:
    """Walks over one pattern."""

    def __init__(self, pattern: bytes, basename: bool, fold: bool) -> None:
        self._pattern = pattern
        self._basename = basename
        self._fold = fold
        self._at = 0
        self._wide = [_Wide(b"", [_Narrow(b"", [])])]

    def run(self) -> bytes:
        while self._at < len(self._pattern):
            byte = self._pattern[self._at : self._at + 1]
            match byte:
                case b"*":
                    self._stars()
                case b"?":
                    self._at += 1
                    self._add(b"." if self._basename else b"[^/]")
                case b"[":
                    self._add(self._brackets())
                case b"\\":
                    self._add(re.escape(self._escaped()))
                case _:
                    self._at += 1
                    self._add(re.escape(byte.lower() if self._fold else byte))
        return _join(self._wide)

    def _add(self, regex: bytes) -> None:
        self._wide[-1].narrow[-1].rest.append(regex)

    def _stars(self) -> None:
        pattern, start = self._pattern, self._at
        while pattern[self._at : self._at + 1] == b"*":
            self._at += 1
        after = pattern[self._at : self._at + 2]
        opens = start == 0 or pattern[start - 1 : start] == b"/"
        crosses = self._at - start > 1 and opens and (after in (b"", b"\\/") or after.startswith(b"/"))
        if self._basename:
            self._wide[-1].narrow.append(_Narrow(b".*?", []))
        elif not crosses:
            self._wide[-1].narrow.append(_Narrow(b"[^/]*?", []))
        elif after.startswith(b"/"):
            self._at += 1
            self._wide.append(_Wide(b"(?:.*?/)??", [_Narrow(b"", [])]))
        else:
            self._wide.append(_Wide(b".*?", [_Narrow(b"", [])]))

    def _escaped(self) -> bytes:
        """The byte after a backslash."""
        byte = self._pattern[self._at + 1 : self._at + 2]
        if not byte:
            raise _NeverMatchesError
        self._at += 2
        return byte

    def _brackets(self) -> bytes:
        """A set of bytes; never the slash, whatever it says."""
        self._at += 1
        negated = self._next() in (b"!", b"^")
        if negated:
            self._at += 1
        members: list[bytes] = []
        first = True
        while first or self._next() != b"]":
            first = False
            members.append(self._member())
        self._at += 1
        slash = b"" if self._basename else b"(?!/)"
        return slash + (b"[^" if negated else b"[") + b"".join(members) + b"]"

    def _next(self) -> bytes:
        byte = self._pattern[self._at : self._at + 1]
        if not byte:
            raise _NeverMatchesError
        return byte

    def _member(self) -> bytes:
        """One byte, range or class inside brackets."""
        if self._pattern.startswith(b"[:", self._at) and (name := self._class_name()) is not None:
            if name not in _CLASSES:
                raise _NeverMatchesError
            return _CLASSES[b"alpha" if name == b"upper" and self._fold else name]
        low = self._byte()
        following = self._pattern[self._at + 1 : self._at + 2]
        if self._next() != b"-" or not following or following == b"]":
            return b"\\x%02x" % low
        self._at += 1
        high = self._byte()
        return self._range(low, max(low, high))  # git compares with the lower end first

    def _range(self, low: int, high: int) -> bytes:
        """Every byte from `low` to `high`, and when folding the small letters of the capitals among them."""
        span = b"\\x%02x-\\x%02x" % (low, high)
        first, last = max(low, ord("A")), min(high, ord("Z"))
        if self._fold and first <= last:
            span += b"\\x%02x-\\x%02x" % (first + 32, last + 32)
        return span

    def _byte(self) -> int:
        if self._next() == b"\\":
            return self._escaped()[0]
        self._at += 1
        return self._pattern[self._at - 1]

    def _class_name(self) -> bytes | None:
        """The name in `[:name:]`; None if there is no end to it, then the bracket is only a bracket."""
        end = self._pattern.find(b"]", self._at + 2)
        if end < 0:
            raise _NeverMatchesError
        name = self._pattern[self._at + 2 : end]
        if not name.endswith(b":"):
            return None
        self._at = end + 1
        return name[:-1]
