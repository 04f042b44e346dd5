"""git-annex's file matching expressions, as in `annex.largefiles`: `include=*.mp4 or largerthan=100kb`.

The terms that need nothing but a path and a size are evaluated here: include=, exclude=, largerthan=,
smallerthan=, anything, nothing. Any other term is not understood, and never guessed at.

The grammar is git-annex's (its documentation under "preferred content", checked against
`git annex matchexpression`): words are parted by white space and parentheses, without quoting; `and` and
`or` bind equally and to the left; `not` binds to the next term or group; terms side by side mean `and`; the
empty expression matches. What git-annex takes beyond that (operators without operands, parentheses that do
not match) has odd meanings, and is refused.
"""

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn

from instep.core.types import RelPath

Test = Callable[[str, int], bool]
"""Path and size in bytes to an answer."""


class MalformedExpression(ValueError):
    """The expression can't be read."""

    def __init__(self, expression: str, reason: str) -> None:
        super().__init__(f"The file matching expression “{expression[:200]}” can't be used: {reason}.")


class UnknownTerm(MalformedExpression):
    """A term that is not evaluated natively, or not at all."""

    def __init__(self, expression: str, term: str) -> None:
        super().__init__(expression, f"instep does not understand “{term[:80]}” in it")
        self.term = term


@dataclass(frozen=True, slots=True)
class Matcher:
    """An expression, ready to be asked."""

    expression: str
    _test: Test

    def matches(self, path: RelPath, size: int) -> bool:
        """Whether the file at this path, of this size in bytes, matches."""
        return self._test(path.decode(errors="surrogateescape"), size)


def parse(expression: str) -> Matcher:
    """Reads an expression. Raises UnknownTerm, MalformedExpression."""
    words = [word for word in re.findall(r"[()]|[^()\s]+", expression) if word]
    if len(words) > _MAX_WORDS:
        raise MalformedExpression(expression, f"it has more than {_MAX_WORDS} words")
    parser = _Parser(expression, words)
    return Matcher(expression, parser.whole())


_MAX_WORDS = 2000
_MAX_DEPTH = 60


def _always(_path: str, _size: int) -> bool:
    return True


def _never(_path: str, _size: int) -> bool:
    return False


class _Parser:
    def __init__(self, expression: str, words: list[str]) -> None:
        self._expression = expression
        self._words = words
        self._at = 0
        self._depth = 0

    def whole(self) -> Test:
        """The whole expression."""
        if not self._words:
            return _always
        test = self._group()
        if self._at < len(self._words):
            self._refuse("its parentheses do not match")
        return test

    def _group(self) -> Test:
        """Everything up to a closing parenthesis or the end."""
        steps = [(False, self._operand())]
        while self._next not in (None, ")"):
            is_or = self._next == "or"
            if self._next in ("and", "or"):
                self._at += 1
            steps.append((is_or, self._operand()))
        return _fold(steps)

    @property
    def _next(self) -> str | None:
        return self._words[self._at] if self._at < len(self._words) else None

    def _operand(self) -> Test:
        word = self._next
        if word in (None, ")", "and", "or"):
            self._refuse("an operator or a pair of parentheses in it has nothing to work on")
        self._at += 1
        if word not in ("not", "("):
            return _term(self._expression, word)
        with self._deeper():
            inner = self._operand() if word == "not" else self._group()
        if word == "not":
            return lambda path, size: not inner(path, size)
        if self._next is None:
            self._refuse("its parentheses do not match")
        self._at += 1
        return inner

    @contextmanager
    def _deeper(self) -> Generator[None]:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self._refuse(f"it is nested more than {_MAX_DEPTH} deep")
        yield
        self._depth -= 1

    def _refuse(self, reason: str) -> NoReturn:
        raise MalformedExpression(self._expression, reason)


def _fold(steps: list[tuple[bool, Test]]) -> Test:
    """The operands from left to right; each comes with whether an `or` stands before it."""
    if len(steps) == 1:
        return steps[0][1]

    def test(path: str, size: int) -> bool:
        matched = True
        for is_or, operand in steps:
            if matched != is_or:
                matched = operand(path, size)
        return matched

    return test


# --- terms -------------------------------------------------------------------------------------------


def _term(expression: str, word: str) -> Test:
    name, equals, value = word.partition("=")
    match name + equals:
        case "anything":
            return _always
        case "nothing":
            return _never
        case "include=":
            return _include(_glob(expression, word, value))
        case "exclude=":
            included = _include(_glob(expression, word, value))
            return lambda path, size: not included(path, size)
        case "largerthan=":
            limit = size_of_words(expression, value)
            return lambda _path, size: size > limit
        case "smallerthan=":
            limit = size_of_words(expression, value)
            return lambda _path, size: size < limit
        case _:
            raise UnknownTerm(expression, word)


def _include(glob: re.Pattern[str]) -> Test:
    return lambda path, _size: glob.fullmatch(path) is not None


_PIECE = re.compile(
    r"(?P<star>\*+)|(?P<one>\?)|(?P<set>\[[!^]?(?P<members>[^][!^\\][^][\\]*)\])|(?P<char>[^[])", re.DOTALL
)


def _glob(expression: str, word: str, glob: str) -> re.Pattern[str]:
    """A glob as a pattern: `*` and `?` match across `/`, a backslash is an ordinary character.

    The text after a star is looked for once, leftmost (an atomic group): that finds every match, in a time
    that no glob can make exponential.
    """
    parts: list[str] = []
    after_star = False
    piece = ""
    at = 0
    while at < len(glob):
        found = _PIECE.match(glob, at)
        if found is None:
            raise UnknownTerm(expression, word)
        at = found.end()
        if found["star"]:
            parts.append(f"(?>.*?{piece})" if after_star else piece)
            after_star, piece = True, ""
        elif found["set"]:
            piece += _set(expression, word, found["set"], found["members"])
        else:
            piece += "." if found["one"] else re.escape(found["char"])
    parts.append(f".*{piece}" if after_star else piece)
    return re.compile("".join(parts), re.DOTALL)


def _set(expression: str, word: str, text: str, members: str) -> str:
    """A set of characters. One that can't mean what it says (`[z-a]`, `[a-c-e]`) is not guessed at."""
    negated = "^" if text[1] in "!^" else ""
    body = re.fullmatch(r"-?(?:[^-]-[^-]|[^-])*-?", members)
    ranges = re.findall(r"([^-])-([^-])", members)
    if body is None or any(first > last for first, last in ranges):
        raise UnknownTerm(expression, word)
    return f"[{negated}{''.join(c if c == '-' else re.escape(c) for c in members)}]"


_SIZE = re.compile(r"(-?[0-9]{1,20}(?:\.[0-9]{1,20})?)([a-z]*)", re.IGNORECASE | re.ASCII)
_DECIMAL = ("kilo", "mega", "giga", "tera", "peta", "exa", "zetta", "yotta")
_BINARY = ("kibi", "mebi", "gibi", "tebi", "pebi", "exbi", "zebi", "yobi")


def _units() -> dict[str, int]:
    """Bytes to each unit, by its name in lower case."""
    units: dict[str, int] = dict.fromkeys(("", "b", "byte", "bytes"), 1)
    thousands = kibis = 1
    for name, binary_name in zip(_DECIMAL, _BINARY, strict=True):
        thousands, kibis = thousands * 1000, kibis * 1024
        letter = name[0]
        for unit in (letter, f"{letter}b", f"{name}byte", f"{name}bytes"):
            units[unit] = thousands
        for unit in (f"{letter}i", f"{letter}ib", f"{binary_name}byte", f"{binary_name}bytes"):
            units[unit] = kibis
    return units


_UNITS = _units()


def size_of_words(expression: str, text: str) -> int:
    """A size in bytes: `100kb`, `1.5MiB`, `3 gigabytes` without the space; rounded to whole bytes, half to
    even."""
    found = _SIZE.fullmatch(text)
    factor = _UNITS.get(found[2].lower()) if found else None
    if found is None or factor is None:
        raise MalformedExpression(expression, f"“{text[:40]}” is not a size")
    return round(Decimal(found[1]) * factor)
