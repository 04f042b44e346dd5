"""What is at a path on another computer where no instep answers, as far as we are let look.

Where ssh gives us a shell, one command tells it all. Where it runs one program only (git-annex-shell by a
forced command, git-shell, a forge), git and `git-annex-shell configlist` have to do, and whether there is a
work tree is found out by pushing: git refuses to move the branch that is checked out.
"""

import os
import re
from dataclasses import dataclass

from instep.core.types import RemoteUuid
from instep.remotes.errors import PeerGone
from instep.remotes.ssh_program import quoted
from instep.remotes.ssh_shared import SharedSsh
from instep.remotes.ssh_trouble import SSH_FAILED

ANNEX_SHELL = "git-annex-shell"
_HERE = b"instep looks"
_HOME = re.compile(rb"(~[A-Za-z0-9._-]*)(/.*)?", re.DOTALL)

_LOOK = b"""\
command -v %(shell)s >/dev/null 2>&1 && echo annex-shell=yes; \
for d in %(path)s %(path)s.git; do for g in "$d"/.git "$d"; do \
b=$(git --git-dir="$g" rev-parse --is-bare-repository 2>/dev/null) || continue; \
g=$(git --git-dir="$g" rev-parse --absolute-git-dir); echo bare=$b; echo git-dir="$g"; \
echo uuid=$(git --git-dir="$g" config annex.uuid); \
echo branch=$(git --git-dir="$g" rev-parse --verify --quiet --symbolic-full-name HEAD); \
echo format=$(git --git-dir="$g" rev-parse --show-object-format); \
test -e "$g"/instep/lock && echo instep=yes; \
p=$(head -n 1 "$g"/annex/daemon.pid 2>/dev/null); \
case "$(test -n "$p" && cat /proc/$p/comm 2>/dev/null)" in *annex*) echo assistant=yes;; esac; \
exit 0; done; done; test -e %(path)s && echo other=yes; exit 0"""


@dataclass(frozen=True, slots=True)
class FarRepository:
    """A repository, or (`is_there` False) none. `has_shell`: everything is known, and commands can be run."""

    is_there: bool = True
    has_shell: bool = False
    has_annex_shell: bool = False
    is_bare: bool | None = None
    """None: not known."""
    git_dir: bytes = b""
    uuid: RemoteUuid | None = None
    branch: str = ""
    """Checked out there; "" where that has no commit yet."""
    object_format: str = ""
    has_assistant: bool = False
    """git-annex's assistant runs there, and merges what is pushed."""
    is_kept: bool = False
    """instep keeps it, or did."""
    is_other: bool = False
    """Something is there that is no repository."""


def annex_shell_path(path: str) -> bytes:
    """A path as git-annex-shell takes it: absolute, or from a home directory."""
    start = "" if path.startswith("/") else "/" if path.startswith("~") else "/~/"
    return os.fsencode(start + path)


def annex_shell(shell: str, path: str, verb: bytes, *words: bytes) -> bytes:
    """A command of git-annex-shell for the far shell. `shell`: how it is called there, as a person wrote it
    into `remote.NAME.annex-shell`."""
    return b" ".join([os.fsencode(shell), *map(quoted, (verb, annex_shell_path(path), *words))])


def shell_path(path: str) -> bytes:
    """A path as one word for sh: only a home directory in front is expanded."""
    raw = os.fsencode(path)
    if found := _HOME.fullmatch(raw):
        home, rest = found.groups()
        return home + (b"/" + _word(rest[1:]) if rest else b"")
    return _word(raw)


def _word(raw: bytes) -> bytes:
    """Between single quotes whatever it is, so that something can follow it."""
    return b"'" + raw.replace(b"'", b"'\\''") + b"'"


def look(ssh: SharedSsh, shell: str = ANNEX_SHELL) -> FarRepository:
    """What is there. Blocks. Raises LinkError when it can't be asked."""
    path = ssh.address.path
    words = {b"shell": os.fsencode(shell), b"path": shell_path(path)}
    if (out := run_in_shell(ssh, _LOOK % words)) is not None:
        return _found(out)
    answer = ssh.run(annex_shell(shell, path, b"configlist"))
    uuid = re.search(rb"^annex\.uuid=([0-9A-Za-z-]*)\r?$", answer.out, re.MULTILINE)
    if answer.status == 0 and uuid is not None:
        return FarRepository(has_annex_shell=True, uuid=_uuid(uuid[1]))
    return FarRepository()


def run_in_shell(ssh: SharedSsh, command: bytes) -> bytes | None:
    """What a command for sh prints over there, without the noise that the login shell may print before; None
    if there is no shell. Raises LinkError."""
    answer = ssh.run(b"sh -c " + quoted(b"echo '" + _HERE + b"'; " + command))
    if answer.status == SSH_FAILED:
        raise PeerGone(f"{ssh.address.host} does not let us in any more.") if ssh.alive else ssh.why()
    _, is_shell, out = answer.out.partition(_HERE + b"\n")
    return out if is_shell else None


def _found(out: bytes) -> FarRepository:
    words = (line.partition(b"=") for line in out.splitlines())
    facts = {name: value for name, is_fact, value in words if is_fact}
    return FarRepository(
        is_there=b"bare" in facts,
        has_shell=True,
        has_annex_shell=b"annex-shell" in facts,
        is_bare=facts.get(b"bare") == b"true",
        git_dir=facts.get(b"git-dir", b""),
        uuid=_uuid(facts.get(b"uuid", b"")),
        branch=os.fsdecode(facts.get(b"branch", b"").removeprefix(b"refs/heads/")),
        object_format=facts.get(b"format", b"").decode(errors="replace"),
        has_assistant=b"assistant" in facts,
        is_kept=b"instep" in facts,
        is_other=b"other" in facts,
    )


def _uuid(text: bytes) -> RemoteUuid | None:
    return RemoteUuid(text.decode()) if re.fullmatch(rb"[0-9A-Za-z-]{1,64}", text) else None
