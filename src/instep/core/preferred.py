"""What a repository wants: git-annex's preferred and required content, evaluated.

The caller hands in what the git-annex branch says of all repositories (`Repositories`) and of one content
(`Content`). Terms that choose among repositories (`balanced=` and its kin), that need a list git-annex keeps
for itself (`unused`), or that are not git-annex's are not understood, and never guessed at.

Copies are counted without dead repositories. Where it is asked whether a repository could let a content go,
its own copy is not counted.

`not present` would have a content come and go for ever. git-annex takes an expression in which `present`
stands after an odd number of `not` for one that wants nothing at all, whatever else is in it; and so do we.

Sources: git-annex's documentation, and `git annex find --want-get` and `--want-drop`, with which
tests/annex/test_repositories.py compares.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

from instep.core import expressions
from instep.core.expressions import MalformedExpression, Test, UnknownTerm, always, never
from instep.core.keys import parse_key, size_of
from instep.core.standard_groups import STANDARD
from instep.core.terms import plain_term
from instep.core.types import Key, RelPath, RemoteUuid


class Trust(IntEnum):
    """How far a repository's word is taken; ordered."""

    DEAD = 0
    UNTRUSTED = 1
    SEMITRUSTED = 2
    TRUSTED = 3


@dataclass(frozen=True, slots=True)
class Repositories:
    """What the git-annex branch says of the repositories; whoever is not named in a mapping has nothing."""

    trust: Mapping[RemoteUuid, Trust] = field(default_factory=dict[RemoteUuid, Trust])
    groups: Mapping[RemoteUuid, frozenset[str]] = field(default_factory=dict[RemoteUuid, frozenset[str]])
    group_wanted: Mapping[str, str] = field(default_factory=dict[str, str])
    """Expressions by group (`git annex groupwanted`)."""
    wanted: Mapping[RemoteUuid, str] = field(default_factory=dict[RemoteUuid, str])
    required: Mapping[RemoteUuid, str] = field(default_factory=dict[RemoteUuid, str])
    numcopies: int = 1
    preferred_dirs: Mapping[RemoteUuid, str] = field(default_factory=dict[RemoteUuid, str])
    """The remotes' `preferreddir`."""

    def trust_of(self, uuid: RemoteUuid) -> Trust:
        return self.trust.get(uuid, Trust.SEMITRUSTED)

    def groups_of(self, uuid: RemoteUuid) -> frozenset[str]:
        return self.groups.get(uuid, frozenset())

    def members(self, group: str) -> frozenset[RemoteUuid]:
        return frozenset(uuid for uuid, groups in self.groups.items() if group in groups)


@dataclass(frozen=True, slots=True)
class Content:
    """One annexed content, and the file that stands for it."""

    key: Key
    path: RelPath | None
    """None: no file has it."""
    locations: frozenset[RemoteUuid] = frozenset()
    """Which repositories are known to hold it."""
    numcopies: int | None = None
    """What `.gitattributes` asks for this file; None: nothing."""
    leaving: RemoteUuid | None = None
    """The repository that is not counted; `present` still holds there."""

    @property
    def name(self) -> str | None:
        return None if self.path is None else self.path.decode(errors="surrogateescape")

    @property
    def size(self) -> int | None:
        return size_of(self.key)

    def without(self, uuid: RemoteUuid) -> "Content":
        """As it would be counted were it gone from there."""
        return replace(self, leaving=uuid)


class Wants:
    """An expression of one repository, ready to be asked."""

    def __init__(self, expression: str, uuid: RemoteUuid, repositories: Repositories) -> None:
        """Raises MalformedExpression, and UnknownTerm for what is not understood."""
        self.expression = expression
        reader = _Reader(expression, uuid, repositories)
        self._uuid = uuid
        test = expressions.read(expression, reader.term)
        self._test = never if reader.is_unstable else test
        self.needs_locations = reader.needs_locations
        """Whether the answer depends on who has the content."""

    def wants(self, content: Content) -> bool:
        """Whether the repository is to have the content."""
        return self._test(content)

    def keeps(self, content: Content) -> bool:
        """Whether the repository, which has it, wants to go on having it."""
        return self._test(content.without(self._uuid))


def preferred(repositories: Repositories, uuid: RemoteUuid) -> Wants | None:
    """What a repository wants; None: it has said nothing, and is given everything. Raises
    MalformedExpression."""
    expression = repositories.wanted.get(uuid)
    return None if expression is None else Wants(expression, uuid, repositories)


def required(repositories: Repositories, uuid: RemoteUuid) -> Wants | None:
    """What a repository must keep; None: nothing is said. Raises MalformedExpression."""
    expression = repositories.required.get(uuid)
    return None if expression is None else Wants(expression, uuid, repositories)


class _Reader:
    """Reads the terms of one expression, and of those that it refers to."""

    def __init__(self, expression: str, uuid: RemoteUuid, repositories: Repositories) -> None:
        self._expression = expression
        self._uuid = uuid
        self._repositories = repositories
        self._groupwanted_open = False
        self.needs_locations = False
        self.is_unstable = False

    def term(self, word: str, is_negated: bool) -> Test[Content]:
        plain = plain_term(self._expression, word, Content)
        if plain is not None:
            return plain
        match word:
            case "present":
                return self._present(is_negated)
            case "inpreferreddir":
                return self._in_preferred_dir()
            case "standard":
                return self._standard(is_negated)
            case "groupwanted":
                return self._group_wanted(is_negated)
            case _:
                return self._about_key(word)

    def _about_key(self, word: str) -> Test[Content]:
        name, equals, value = word.partition("=")
        if word == "securehash":
            return _has_secure_hash
        if name + equals == "inbackend=":
            return lambda content: parse_key(content.key).backend == value
        self.needs_locations = True
        return self._about_locations(word, name + equals, value)

    def _about_locations(self, word: str, name: str, value: str) -> Test[Content]:
        match name:
            case "copies=":
                return self._copies(word, value)
            case "lackingcopies=":
                return self._lacking(self._number(word, value), approximately=False)
            case "approxlackingcopies=":
                return self._lacking(self._number(word, value), approximately=True)
            case "inallgroup=":
                return self._in_all(value)
            case "onlyingroup=":
                return self._only_in(value)
            case _:
                raise UnknownTerm(self._expression, word)

    def _present(self, is_negated: bool) -> Test[Content]:
        self.needs_locations = True
        self.is_unstable |= is_negated
        return lambda content: self._uuid in content.locations

    def _number(self, word: str, text: str) -> int:
        if not text.isascii() or not text.removeprefix("-").isdecimal() or len(text) > 9:
            raise UnknownTerm(self._expression, word)
        return int(text)

    # -- copies -----------------------------------------------------------------------------------------

    def _copies(self, word: str, value: str) -> Test[Content]:
        kind, colon, number = value.rpartition(":")
        least = self._number(word, number)
        counts = self._counting(kind) if colon else always
        return lambda content: sum(map(counts, self._alive(content))) >= least

    def _counting(self, kind: str) -> Callable[[RemoteUuid], bool]:
        """Which repositories `copies=KIND:N` counts."""
        repositories = self._repositories
        trust = _TRUSTS.get(kind.removesuffix("+"))
        if trust is None:
            return lambda uuid: kind in repositories.groups_of(uuid)
        if kind.endswith("+"):
            return lambda uuid: repositories.trust_of(uuid) >= trust
        return lambda uuid: repositories.trust_of(uuid) == trust

    def _alive(self, content: Content) -> list[RemoteUuid]:
        trust_of = self._repositories.trust_of
        there = content.locations - {content.leaving}
        return [uuid for uuid in there if trust_of(uuid) is not Trust.DEAD]

    def _lacking(self, least: int, *, approximately: bool) -> Test[Content]:
        repositories = self._repositories

        def test(content: Content) -> bool:
            asked = None if approximately else content.numcopies
            trusted = sum(repositories.trust_of(uuid) > Trust.UNTRUSTED for uuid in self._alive(content))
            return (repositories.numcopies if asked is None else asked) - trusted >= least

        return test

    # -- groups -----------------------------------------------------------------------------------------

    def _in_all(self, group: str) -> Test[Content]:
        members = self._repositories.members(group)
        return lambda content: members <= frozenset(self._alive(content))

    def _only_in(self, group: str) -> Test[Content]:
        members = self._repositories.members(group)
        return lambda content: bool(there := self._alive(content)) and members.issuperset(there)

    def _standard(self, is_negated: bool) -> Test[Content]:
        groups = [group for group in self._repositories.groups_of(self._uuid) if group in STANDARD]
        if len(groups) != 1:
            return self._present(is_negated)
        return self._inner(STANDARD[groups[0]], is_negated)

    def _group_wanted(self, is_negated: bool) -> Test[Content]:
        wanted = self._repositories.group_wanted
        groups = [group for group in self._repositories.groups_of(self._uuid) if group in wanted]
        if len(groups) != 1:
            return self._present(is_negated)
        if self._groupwanted_open:
            raise MalformedExpression(self._expression, "groupwanted refers to itself")
        self._groupwanted_open = True
        try:
            return self._inner(wanted[groups[0]], is_negated)
        finally:
            self._groupwanted_open = False

    def _inner(self, expression: str, is_negated: bool) -> Test[Content]:
        return expressions.read(expression, self.term, is_negated=is_negated)

    def _in_preferred_dir(self) -> Test[Content]:
        """Whether the directory that the file is in has the name; those above it do not count."""
        directory = self._repositories.preferred_dirs.get(self._uuid, "public")

        def test(content: Content) -> bool:
            return content.name is not None and content.name.split("/")[-2:-1] == [directory]

        return test


_TRUSTS = {
    "trusted": Trust.TRUSTED,
    "semitrusted": Trust.SEMITRUSTED,
    "untrusted": Trust.UNTRUSTED,
}
_SECURE = ("SHA2", "SHA3", "SHA512", "SKEIN", "BLAKE2", "BLAKE3")


def _has_secure_hash(content: Content) -> bool:
    return parse_key(content.key).backend.startswith(_SECURE)
