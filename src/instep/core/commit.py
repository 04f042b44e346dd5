"""Git commits as values: parse and encode byte for byte, and the two commits that instep makes.

A commit made of a merge is a function of its heads alone (I14); what is unusual in somebody else's commit
(signatures, unknown headers, malformed dates) is kept as it stands.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from instep.core.types import Change, Oid

NAME = b"instep"
EMAIL = b"instep@localhost"
SUBJECT_LENGTH = 72


class MalformedCommit(ValueError):
    """These bytes are not a git commit."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Who and when: `when` in seconds since 1970, `tz` as in `+0100`.

    `line` is the whole header line where it is not in git's usual form (empty: there was none); it is what
    `encode` writes then, and the other fields are a best guess.
    """

    name: bytes
    email: bytes
    when: int
    tz: bytes = b"+0000"
    line: bytes | None = None

    def encode(self, role: bytes) -> bytes:
        """The header line for `role` (`author` or `committer`)."""
        if self.line is not None:
            return self.line
        return b"%b %b <%b> %d %b\n" % (role, self.name, self.email, self.when, self.tz)


_SIGNATURE = re.compile(rb"[a-z]+ ?([^<>\n]*?) ?<([^>\n]*)>(?:[^\n]*> ?)? ?(-?\d{1,18})?(?: ([+-]\d+))?\n?")


def _parse_signature(line: bytes, role: bytes) -> Signature:
    found = _SIGNATURE.match(line)
    name, email, when, tz = found.groups() if found else (b"", b"", None, None)
    usual = Signature(name, email, int(when or 0), tz or b"+0000")
    if usual.encode(role) == line:
        return usual
    return Signature(usual.name, usual.email, usual.when, usual.tz, line)


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit. `extra` holds the header lines after the committer as they stand, each with its newline.

    `message` None: the object ends with its headers, without even the blank line.
    """

    tree: Oid
    parents: tuple[Oid, ...]
    author: Signature
    committer: Signature
    message: bytes | None
    extra: bytes = b""

    @classmethod
    def parse(cls, data: bytes, oid_bytes: int) -> "Commit":
        """Reads a commit object's content. Raises MalformedCommit if tree or parents can't be read."""
        head, blank, message = data.partition(b"\n\n")
        lines = _Lines(head + b"\n" if blank else head)
        tree = lines.take_oid(b"tree", oid_bytes)
        if tree is None:
            raise MalformedCommit("a commit starts with its tree")
        parents: list[Oid] = []
        while (parent := lines.take_oid(b"parent", oid_bytes)) is not None:
            parents.append(parent)
        author = _parse_signature(lines.take(b"author "), b"author")
        committer = _parse_signature(lines.take(b"committer "), b"committer")
        extra = b"".join(lines.left)
        return cls(tree, tuple(parents), author, committer, message if blank else None, extra)

    def encode(self) -> bytes:
        """The object's content."""
        lines = [b"tree %b\n" % self.tree.hex().encode()]
        lines += [b"parent %b\n" % parent.hex().encode() for parent in self.parents]
        lines += [self.author.encode(b"author"), self.committer.encode(b"committer"), self.extra]
        if self.message is not None:
            lines += [b"\n", self.message]
        return b"".join(lines)


class _Lines:
    """Header lines, taken from the front while they are what is looked for."""

    def __init__(self, head: bytes) -> None:
        self.left: list[bytes] = re.findall(rb"[^\n]*\n|[^\n]+", head)

    def take(self, start: bytes) -> bytes:
        if self.left and self.left[0].startswith(start):
            return self.left.pop(0)
        return b""

    def take_oid(self, name: bytes, oid_bytes: int) -> Oid | None:
        line = self.take(name + b" ")
        if not line:
            return None
        text = line[len(name) + 1 :]
        if not re.fullmatch(rb"[0-9a-f]{%d}\n" % (2 * oid_bytes), text):
            raise MalformedCommit(f"no object id after {name.decode()}")
        return Oid(bytes.fromhex(text.decode()))


def merge_commit(tree: Oid, heads: Sequence[tuple[Oid, Commit]], message: bytes) -> Commit:
    """The one commit that merges these heads, the same on every node.  # I14

    Its date is the newest committer date of the heads, never this machine's clock (I20).
    """
    by_oid = dict(heads)
    when = max((commit.committer.when for commit in by_oid.values()), default=0)
    who = Signature(NAME, EMAIL, max(when, 0), b"+0000")
    return Commit(tree, tuple(sorted(by_oid)), who, who, message)


def describe(changes: Collection[Change]) -> bytes:
    """The message of a local commit: one subject line of at most 72 characters and a newline."""
    match list(changes):
        case [change]:
            subject = _one(change)
        case several:
            subject = _moved(several) or _count(several)
    return subject.encode() + b"\n"


def _verb(change: Change) -> str:
    if change.old is None:
        return "add"
    return "delete" if change.new is None else "change"


def _one(change: Change) -> str:
    verb = _verb(change).capitalize() + " "
    return verb + _shown(change.path, SUBJECT_LENGTH - len(verb))


def _moved(changes: Collection[Change]) -> str | None:
    """The sentence for changes that are one file or one directory under a new name."""
    gone = sorted((change.old, change.path) for change in changes if change.old and not change.new)
    came = sorted((change.new, change.path) for change in changes if change.new and not change.old)
    if len(gone) + len(came) < len(changes) or [entry for entry, _ in gone] != [entry for entry, _ in came]:
        return None
    names = {_new_name(old, new) for (_, old), (_, new) in zip(gone, came, strict=True)}
    if len(names) != 1 or not all(names := names.pop()):
        return None
    room = (SUBJECT_LENGTH - len("Move  to ")) // 2
    return f"Move {_shown(names[0], room)} to {_shown(names[1], room)}"


def _new_name(old: bytes, new: bytes) -> tuple[bytes, bytes]:
    """What was renamed, as a file or some directory above it has the name that it had."""
    while b"/" in old and b"/" in new and old[old.rindex(b"/") :] == new[new.rindex(b"/") :]:
        old, new = old[: old.rindex(b"/")], new[: new.rindex(b"/")]
    return old, new


def _count(changes: Collection[Change]) -> str:
    verbs = Counter(_verb(change) for change in changes)
    gone = Counter(change.old for change in changes if change.new is None)
    came = Counter(change.new for change in changes if change.old is None)
    moved = (gone & came).total()
    verbs += Counter(move=moved, add=-moved, delete=-moved)
    parts = [f"{verb} {verbs[verb]}" for verb in ("add", "change", "move", "delete") if verbs[verb] > 0]
    if not parts:
        return "Change nothing"
    parts[0] += " file" if parts[0].endswith(" 1") else " files"
    return ", ".join(parts).capitalize()


def _shown(path: bytes, length: int) -> str:
    """A path as text of at most `length` characters; of a long one, its end."""
    text = path.decode("utf-8", "replace")
    text = "".join(char if char.isprintable() else "\ufffd" for char in text)
    return text if len(text) <= length else "…" + text[1 - length :]
