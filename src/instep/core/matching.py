"""git-annex's expressions about files that are not annexed yet, as in `annex.largefiles`:
`include=*.mp4 or largerthan=100kb`.

The terms: include=, exclude=, largerthan=, smallerthan=, anything, nothing, mimetype=, mimeencoding=. Any
other is not understood, and never guessed at. The grammar is in core/expressions.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from instep.core import expressions
from instep.core.expressions import MalformedExpression, Test, UnknownTerm
from instep.core.globs import MalformedGlob, glob_pattern
from instep.core.terms import plain_term
from instep.core.types import RelPath

__all__ = ["MalformedExpression", "Matcher", "Mime", "UnknownTerm", "parse"]


class Mime(NamedTuple):
    """What libmagic makes of a content: `text/plain` and `us-ascii`, say."""

    type: str
    encoding: str


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    size: int
    mime: Callable[[], Mime]


@dataclass(frozen=True, slots=True)
class Matcher:
    """An expression, ready to be asked."""

    expression: str
    _test: Test[_File]
    needs_mime: bool

    def matches(self, path: RelPath, size: int, mime: Callable[[], Mime] | None = None) -> bool:
        """Whether the file at this path, of this size in bytes, matches. Where `needs_mime`, `mime` looks
        into its content."""
        return self._test(_File(path.decode(errors="surrogateescape"), size, mime or _unknown))


def parse(expression: str) -> Matcher:
    """Reads an expression. Raises UnknownTerm, MalformedExpression."""
    mime: list[str] = []

    def term(word: str, _is_negated: bool) -> Test[_File]:
        test = plain_term(expression, word, _File)
        if test is None:
            test = _mime_term(expression, word)
            mime.append(word)
        return test

    test = expressions.read(expression, term)
    return Matcher(expression, test, bool(mime))


def _mime_term(expression: str, word: str) -> Test[_File]:
    name, _, glob = word.partition("=")
    if name not in ("mimetype", "mimeencoding"):
        raise UnknownTerm(expression, word)
    try:
        matches = glob_pattern(glob).fullmatch
    except MalformedGlob:
        raise UnknownTerm(expression, word) from None
    if name == "mimetype":
        return lambda file: matches(file.mime().type) is not None
    return lambda file: matches(file.mime().encoding) is not None


def _unknown() -> Mime:
    return Mime("", "")
