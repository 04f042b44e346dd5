"""The terms about a path and a size, which mean the same in every kind of expression."""

from typing import Protocol, TypeVar

from instep.core import amounts
from instep.core.expressions import MalformedExpression, Test, UnknownTerm, always, never
from instep.core.globs import MalformedGlob, glob_pattern


class Sized(Protocol):
    """A file, or content that may be without a name."""

    @property
    def name(self) -> str | None:
        """The path, decoded with surrogate escapes; None: no file has it."""
        ...

    @property
    def size(self) -> int | None:
        """In bytes; None: unknown."""
        ...


S = TypeVar("S", bound=Sized)


def plain_term(expression: str, word: str, _of: type[S]) -> Test[S] | None:
    """The test of a term about path and size; None: the word is another term. Raises MalformedExpression."""
    if word in _CONSTANT:
        return _CONSTANT[word]
    name, _, value = word.partition("=")
    match name if "=" in word else None:
        case "include":
            test = _included(expression, word, value)
        case "exclude":
            included = _included(expression, word, value)
            return lambda subject: subject.name is not None and not included(subject)
        case "largerthan":
            limit = _size(expression, value)
            return lambda subject: subject.size is not None and subject.size > limit
        case "smallerthan":
            limit = _size(expression, value)
            return lambda subject: subject.size is not None and subject.size < limit
        case _:
            return None
    return test


_CONSTANT = {"anything": always, "nothing": never}


def _included(expression: str, word: str, glob: str) -> Test[Sized]:
    try:
        matches = glob_pattern(glob).fullmatch
    except MalformedGlob:
        raise UnknownTerm(expression, word) from None
    return lambda subject: subject.name is not None and matches(subject.name) is not None


def _size(expression: str, text: str) -> int:
    size = amounts.parse_word(text)
    if size is None:
        raise MalformedExpression(expression, f"“{text[:40]}” is not a size")
    return size
