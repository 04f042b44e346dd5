"""Refs: read natively, moved by git itself in one lasting `update-ref --stdin`, all or none, with reflogs.

What a moved ref names must be durable before (I10); that the ref itself is synced is git's business
(`core.fsync`), told to it in `process.py`.
"""

import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import IO, Final, NamedTuple

from instep.core.types import ObjectFormat, Oid
from instep.fs.crash import Point, passed
from instep.git.errors import GitError, RefMoved, sentence
from instep.git.process import Git, Pipe, PipeBroken

HEADS = "refs/heads/"
_MOST_REASONS = 4
_MOST_HOPS = 5
_REFLOG_BYTES = 1 << 16
_OWN_TO_WORK_TREE = ("refs/bisect/", "refs/worktree/", "refs/rewritten/")


class Any_(Enum):  # noqa: N801
    ANY = "any"


ANY: Final = Any_.ANY
"""As the old value of an update: whatever it is."""


class RefUpdate(NamedTuple):
    """One ref's move. `new` None deletes it; `old` None: it must not exist yet; ANY: it may be anything."""

    name: str
    new: Oid | None
    old: Oid | Any_ | None = ANY


class RefMove(NamedTuple):
    """One line of a reflog. `old` None: the ref was made; `reason`: in the words of who moved it."""

    old: Oid | None
    new: Oid
    reason: bytes


_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|[./]$")


def is_valid_ref(name: str) -> bool:
    """Whether git takes this as a full ref name (`git check-ref-format`, and below `refs/`)."""
    return name.startswith("refs/") and name.count("/") >= 2 and _FORBIDDEN.search(name) is None


class Refs:
    """One repository's refs. Safe to use from several threads.

    Names are full (`refs/heads/main`, `HEAD`) and may hold surrogate escapes, as `os.fsdecode` makes them.
    """

    def __init__(self, git: Git, common_dir: bytes, fmt: ObjectFormat) -> None:
        self._git = git
        self._common_dir = common_dir
        self._format = fmt
        self._lock = threading.Lock()
        self._pipes: OrderedDict[str, Pipe] = OrderedDict()
        self._packed: tuple[tuple[int, int, int], bytes] | None = None

    def head_branch(self) -> str | None:
        """The name of the current branch, without `refs/heads/`, born or not; None: HEAD is detached."""
        target = _symbolic(_read_file(self._git.git_dir + b"/HEAD"))
        if target is None or not target.startswith(HEADS):
            return None
        return target.removeprefix(HEADS)

    def read(self, name: str) -> Oid | None:
        """What a ref names, through symbolic refs; None if there is none. Raises GitError if it is broken."""
        for _ in range(_MOST_HOPS):
            _check(name)
            text = self._loose(name)
            if not text:
                text = self._find_packed(name)
            if not text:
                return None
            target = _symbolic(text)
            if target is None:
                return self._oid(name, text)
            name = target
        raise GitError(f"The symbolic ref {name} leads nowhere.")

    def list(self, *prefixes: str) -> dict[str, Oid]:
        """All refs below the prefixes (`refs/heads/synced`), by a git process (2 ms)."""
        listing = self._git.run("for-each-ref", "--format=%(objectname) %(refname)", *prefixes)
        lines = [line.partition(b" ") for line in listing.splitlines()]
        return {os.fsdecode(name): Oid(bytes.fromhex(oid.decode())) for oid, _, name in lines}

    def update(self, updates: Iterable[RefUpdate], reason: str) -> None:
        """Moves the refs, all or none. `reason` is what the reflog says.

        Raises RefMoved if one is not where its update says; GitError for anything else (a lock left by a dead
        process, a name that clashes with another). Use few different reasons: each has a process of its own.
        """
        moves = list(updates)
        if not moves:
            return
        for move in moves:
            _check(move.name)
        request = b"start\0" + b"".join(self._command(move) for move in moves) + b"commit\0"
        passed(Point.REF_MOVING)
        try:
            self._pipe(reason).ask(request, _committed, retry=False)
        except PipeBroken as broken:
            if not broken.stderr and self._again(moves, reason, request):
                return
            self._raise(moves, broken)
        passed(Point.REF_MOVED)

    def moves(self, name: str) -> Iterator[RefMove]:
        """The ref's moves by its reflog, the newest first, as far as the log's end goes back."""
        try:
            with open(self._common_dir + b"/logs/" + os.fsencode(name), "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _REFLOG_BYTES))
                lines = file.read().splitlines()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return
        width = 2 * self._format.oid_bytes
        line = re.compile(rb"([0-9a-f]{%d}) ([0-9a-f]{%d}) [^\t]*\t?(.*)" % (width, width))
        for found in filter(None, map(line.fullmatch, reversed(lines))):
            old, new = (Oid(bytes.fromhex(word.decode())) for word in found.groups()[:2])
            yield RefMove(old if any(old) else None, new, found[3])

    def idle(self) -> None:
        """Ends the lasting git processes; they start again when needed."""
        with self._lock:
            for pipe in self._pipes.values():
                pipe.close()
            self._pipes.clear()

    def _again(self, moves: Sequence[RefUpdate], reason: str, request: bytes) -> bool:
        """After a process that was killed: were the refs moved? If not, a new process tries once more."""
        if all(self.read(move.name) == move.new for move in moves):
            return True
        try:
            self._pipe(reason).ask(request, _committed, retry=False)
        except PipeBroken as broken:
            self._raise(moves, broken)
        return True

    def _raise(self, moves: Sequence[RefUpdate], broken: PipeBroken) -> None:
        for move in moves:
            actual = self.read(move.name)
            if move.old is not ANY and actual != move.old:
                raise RefMoved(move.name, move.old, actual) from None
        text = sentence(broken.stderr, f"git update-ref ended with status {broken.status}").removeprefix(
            "commit: "
        )
        raise GitError(text, status=broken.status) from None

    def _command(self, move: RefUpdate) -> bytes:
        name = os.fsencode(move.name)
        old = b""
        if move.old is not ANY:
            old = (move.old or bytes(self._format.oid_bytes)).hex().encode()
        if move.new is None:
            return b"delete %b\0%b\0" % (name, old)
        return b"update %b\0%b\0%b\0" % (name, move.new.hex().encode(), old)

    def _pipe(self, reason: str) -> Pipe:
        with self._lock:
            pipe = self._pipes.get(reason)
            if pipe is None:
                pipe = Pipe(self._git, "update-ref", "--stdin", "-z", "-m", reason)
                self._pipes[reason] = pipe
                if len(self._pipes) > _MOST_REASONS:
                    self._pipes.popitem(last=False)[1].close()
            self._pipes.move_to_end(reason)
            return pipe

    def _loose(self, name: str) -> bytes:
        own = "/" not in name or name.startswith(_OWN_TO_WORK_TREE)
        directory = self._git.git_dir if own else self._common_dir
        return _read_file(directory + b"/" + os.fsencode(name))

    def _find_packed(self, name: str) -> bytes:
        """The object id of its line in `packed-refs`, which is read again whenever it is another file."""
        try:
            with open(self._common_dir + b"/packed-refs", "rb") as file:
                st = os.fstat(file.fileno())
                identity = (st.st_ino, st.st_size, st.st_mtime_ns)
                packed = self._packed
                if packed is None or packed[0] != identity:
                    self._packed = packed = (identity, file.read())
        except FileNotFoundError:
            return b""
        end = packed[1].find(b" " + os.fsencode(name) + b"\n")
        return packed[1][max(0, end - 2 * self._format.oid_bytes) : end] if end >= 0 else b""

    def _oid(self, name: str, text: bytes) -> Oid:
        word = text[: 2 * self._format.oid_bytes]
        if not re.fullmatch(rb"[0-9a-f]{%d}\s*" % len(word), text) or len(word) != 2 * self._format.oid_bytes:
            raise GitError(f"The ref {name} is broken.", "git fsck says more.")
        return Oid(bytes.fromhex(word.decode()))


def _check(name: str) -> None:
    if name != "HEAD" and not is_valid_ref(name):
        raise GitError(f"{name!r} is no name for a ref.")


def _read_file(path: bytes) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(4096)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return b""


def _symbolic(text: bytes) -> str | None:
    """The ref that a symbolic ref points to."""
    return os.fsdecode(text[4:].strip()) if text.startswith(b"ref:") else None


def _committed(stream: IO[bytes]) -> None:
    for expected in (b"start: ok\n", b"commit: ok\n"):
        if stream.readline() != expected:
            raise EOFError
