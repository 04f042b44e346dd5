"""git-annex's globs, as regular expressions: the whole text must match, `*` and `?` match across `/`, a
backslash is an ordinary character, but one at the very end stands for any number of them.

Sets of characters are POSIX's, with git-annex's own twist, found by asking it: a `]` that stands first, and a
class like `[:alpha:]`, bring a backslash into the set. git-annex never comes to an end over a set that is not
closed or whose range runs backwards; such a glob is refused.
"""

import re
from collections.abc import Iterator

_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "digit": "0-9",
    "lower": "a-z",
    "punct": r"!-/:-@\[-`{-~",
    "space": r" \t-\r",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
_PIECE = re.compile(
    r"(?P<star>\*+)|(?P<one>\?)|\[(?P<negated>[!^]?)(?P<first>\]?)(?P<members>(?:\[:[a-z]+:\]|[^]])*)\]"
    r"|(?P<char>[^[])",
    re.DOTALL,
)
_MEMBER = re.compile(r"\[:(?P<named>[a-z]+):\]|(?P<low>.)-(?P<high>.)|(?P<single>.)", re.DOTALL)


class MalformedGlob(ValueError):
    """A glob that can't mean what it says."""


def glob_pattern(glob: str) -> re.Pattern[str]:
    """The pattern, for `fullmatch`. Raises MalformedGlob.

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
            raise MalformedGlob(glob)
        at = found.end()
        if found["star"]:
            parts.append(f"(?>.*?{piece})" if after_star else piece)
            after_star, piece = True, ""
        elif found["members"] is not None:
            piece += _set(glob, "^" if found["negated"] else "", found["first"], found["members"])
        else:
            piece += "." if found["one"] else re.escape(found["char"])
    piece += "+" if glob.endswith("\\") else ""
    parts.append(f".*{piece}" if after_star else piece)
    return re.compile("".join(parts), re.DOTALL)


def _set(glob: str, negation: str, first: str, members: str) -> str:
    if not first and not members:
        raise MalformedGlob(glob)
    return f"[{negation}{''.join(_members(glob, first, members))}]"


def _members(glob: str, first: str, members: str) -> Iterator[str]:
    if first:
        yield r"\\\]"
        if members.startswith("-") and len(members) > 1:
            raise MalformedGlob(glob)  # a range from `]`
    for found in _MEMBER.finditer(members):
        if found["named"]:
            if found["named"] not in _CLASSES:
                raise MalformedGlob(glob)
            yield r"\\" + _CLASSES[found["named"]]
        elif found["single"]:
            if found["single"] == "[" and members[found.end() : found.end() + 1] in (".", "=", ":"):
                raise MalformedGlob(glob)
            yield re.escape(found["single"])
        elif found["low"] > found["high"] or found["low"] == "[" or found["high"] == "[":
            raise MalformedGlob(glob)
        else:
            yield f"{re.escape(found['low'])}-{re.escape(found['high'])}"
