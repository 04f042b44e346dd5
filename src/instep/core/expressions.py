"""The grammar of git-annex's expressions over files, whatever their terms are about.

git-annex's (its documentation under "preferred content", checked against `git annex matchexpression`): words
are parted by white space and parentheses, without quoting; `and` and `or` bind equally and to the left; `not`
binds to the next term or group; terms side by side mean `and`; the empty expression matches. What git-annex
takes beyond that (operators without operands, parentheses that do not match) has odd meanings, and is
refused.
"""

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Generic, NoReturn, TypeVar

S = TypeVar("S")

Test = Callable[[S], bool]
"""What an expression or a term says of a subject."""

_MAX_WORDS = 2000
_MAX_DEPTH = 60


class MalformedExpression(ValueError):
    """The expression can't be read."""

    def __init__(self, expression: str, reason: str) -> None:
        super().__init__(f"The file matching expression “{expression[:200]}” can't be used: {reason}.")


class UnknownTerm(MalformedExpression):
    """A term that is not evaluated natively, or not at all."""

    def __init__(self, expression: str, term: str) -> None:
        super().__init__(expression, f"instep does not understand “{term[:80]}” in it")
        self.term = term


ReadTerm = Callable[[str, bool], Test[S]]
"""Makes a term a test; told whether an odd number of `not` stand before it."""


def read(expression: str, term: ReadTerm[S], *, is_negated: bool = False) -> Test[S]:
    """An expression whose terms `term` reads; `is_negated`: it stands after a `not` itself.

    Raises MalformedExpression, and what `term` raises.
    """
    words = re.findall(r"[()]|[^()\s]+", expression)
    if len(words) > _MAX_WORDS:
        raise MalformedExpression(expression, f"it has more than {_MAX_WORDS} words")
    return _Parser(expression, words, term, is_negated).whole()


def always(_subject: object) -> bool:
    """`anything`."""
    return True


def never(_subject: object) -> bool:
    """`nothing`."""
    return False


def negated(test: Test[S]) -> Test[S]:
    """`not` that."""
    return lambda subject: not test(subject)


class _Parser(Generic[S]):
    def __init__(self, expression: str, words: list[str], term: ReadTerm[S], is_negated: bool) -> None:
        self._expression = expression
        self._words = words
        self._term = term
        self._is_negated = is_negated
        self._at = 0
        self._depth = 0

    def whole(self) -> Test[S]:
        """The whole expression."""
        if not self._words:
            return always
        test = self._group()
        if self._at < len(self._words):
            self._refuse("its parentheses do not match")
        return test

    def _group(self) -> Test[S]:
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

    def _operand(self) -> Test[S]:
        word = self._next
        if word in (None, ")", "and", "or"):
            self._refuse("an operator or a pair of parentheses in it has nothing to work on")
        self._at += 1
        if word not in ("not", "("):
            return self._term(word, self._is_negated)
        with self._deeper(word == "not"):
            inner = self._operand() if word == "not" else self._group()
        if word == "not":
            return negated(inner)
        if self._next is None:
            self._refuse("its parentheses do not match")
        self._at += 1
        return inner

    @contextmanager
    def _deeper(self, negates: bool) -> Generator[None]:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self._refuse(f"it is nested more than {_MAX_DEPTH} deep")
        self._is_negated ^= negates
        yield
        self._is_negated ^= negates
        self._depth -= 1

    def _refuse(self, reason: str) -> NoReturn:
        raise MalformedExpression(self._expression, reason)


def _fold(steps: list[tuple[bool, Test[S]]]) -> Test[S]:
    """The operands from left to right; each comes with whether an `or` stands before it."""
    if len(steps) == 1:
        return steps[0][1]

    def test(subject: S) -> bool:
        matched = True
        for is_or, operand in steps:
            if matched != is_or:
                matched = operand(subject)
        return matched

    return test
