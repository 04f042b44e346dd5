"""Refs and their objects, between this repository and another one that only git speaks to: push and fetch.

Both name the remote, not its address, so git's own settings of it hold and its remote-tracking refs stay
true. What is fetched is checked by git, object by object, and durable before a ref names it here (I10).
"""

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from instep.core.types import Oid
from instep.git.errors import GitError, sentence
from instep.git.packs import OLD_SINS
from instep.git.repository import Repository

_CHECK = ("fetch.fsckObjects=true", *(f"fetch.fsck.{name}=warn" for name in OLD_SINS.split()))
_LINE = re.compile(rb"(.)\t[^\t]*:([^\t:]+)\t(.*)")
_REF = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64})\t(refs/[^\t]+)")
_OVERTAKEN = re.compile(
    rb"fetch first|non-fast-forward|stale info|already exists|needs force"
    rb"|failed to update ref|cannot lock ref|incorrect old value|reference already exists"
)
"""How git says that the ref there is not (any more) where it would have to be."""


class Verdict(Enum):
    """What became of one ref."""

    DONE = auto()
    OVERTAKEN = auto()
    """Somebody else pushed: fetch, merge, push again."""
    REFUSED = auto()
    """A hook or a setting there does not allow it."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """One ref's fate, and git's words for it."""

    verdict: Verdict
    words: str = ""


def push(
    repo: Repository,
    remote: str,
    moves: Mapping[str, Oid],
    *,
    forced: Collection[str] = (),
    receive_pack: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Pushed]:
    """Moves refs there, each by itself, with all that they need; forward only, except the `forced` ones.

    `receive_pack`: the program that takes them in. `environment`: of git, here as in
    `fetch`. Raises GitError if the remote can't be spoken to.
    """
    if not moves:
        return {}
    refspecs = [f"{'+' if ref in forced else ''}{oid.hex()}:{ref}" for ref, oid in moves.items()]
    options = ["--porcelain", "--no-verify", "--no-follow-tags", "--no-signed", "--no-recurse-submodules"]
    if receive_pack is not None:
        options.append(f"--receive-pack={receive_pack}")
    done = repo.git.result("push", *options, "--", remote, *refspecs, environment=environment)
    found = dict(_judged(done.stdout))
    missing = [ref for ref in moves if ref not in found]
    if missing:
        raise GitError(sentence(done.stderr, "git push failed"), status=done.returncode)
    return found


def _judged(listing: bytes) -> Iterable[tuple[str, Pushed]]:
    for line in listing.splitlines():
        match = _LINE.fullmatch(line)
        if match is not None:
            flag, ref, words = match.groups()
            yield os.fsdecode(ref), judge(flag, words)


def judge(flag: bytes, words: bytes) -> Pushed:
    """git's flag of a ref that was pushed (`!` is no) and its words for it."""
    if flag != b"!":
        return Pushed(Verdict.DONE)
    verdict = Verdict.OVERTAKEN if _OVERTAKEN.search(words) else Verdict.REFUSED
    reason = words[words.rfind(b"(") + 1 :].rstrip(b")") if b"(" in words else words
    return Pushed(verdict, reason.decode(errors="replace"))


def fetch(
    repo: Repository, remote: str, refs: Iterable[str], *, environment: Mapping[str, str] | None = None
) -> None:
    """Brings these refs of the remote here, as `refs/remotes/REMOTE/…`. Raises GitError."""
    specs = [f"+{ref}:{tracking_ref(remote, ref)}" for ref in refs]
    if specs:
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--refmap=")
        repo.git.run("fetch", *options, "--", remote, *specs, config=_CHECK, environment=environment)


def list_refs(
    repo: Repository, remote: str, patterns: Iterable[str], *, environment: Mapping[str, str] | None = None
) -> dict[str, Oid]:
    """The refs there that match a pattern (`refs/heads/*`), and where they stand. Raises GitError."""
    said = repo.git.run("ls-remote", "--refs", "--quiet", "--", remote, *patterns, environment=environment)
    found = (_REF.fullmatch(line) for line in said.splitlines())
    return {os.fsdecode(match[2]): Oid(bytes.fromhex(match[1].decode())) for match in found if match}


def tracking_ref(remote: str, ref: str) -> str:
    """Where the ref of a remote is kept here."""
    below = ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else ref.removeprefix("refs/")
    return f"refs/remotes/{remote}/{below}"
