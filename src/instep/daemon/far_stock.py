"""A repository on a computer that has no instep, as `instep up` sets it up: with git and git-annex alone.

What is there is adopted; where nothing is, a bare repository can be made, if its name says that it is one.
Nothing runs there afterwards.
"""

import os
import re
import shlex
import sys
from dataclasses import replace

from instep.core.branchlog import union
from instep.daemon.adopt import Described, SetupFailed, Template
from instep.daemon.examine import Kind, Refused
from instep.daemon.near import Running
from instep.git.errors import sentence
from instep.git.process import Git
from instep.remotes.dial import SshAddress
from instep.remotes.errors import LinkError, NoInstepThere
from instep.remotes.far_repository import FarRepository, look, run_in_shell, shell_path
from instep.remotes.ssh_program import SshProgram, quoted
from instep.remotes.ssh_shared import SharedSsh

_NAMED = (
    'test -n "$(git config user.name)" || export GIT_AUTHOR_NAME=instep GIT_COMMITTER_NAME=instep; '
    'test -n "$(git config user.email)" || '
    'export GIT_AUTHOR_EMAIL="instep@$(uname -n)" GIT_COMMITTER_EMAIL="instep@$(uname -n)"; '
)
"""Where git knows no name over there, commits get one, as they do here (`git.identity`)."""


class FarStock:
    """A conversation with the shell over there, if there is one. Used by one thread at a time."""

    def __init__(self, address: SshAddress, program: SshProgram, no_instep: NoInstepThere) -> None:
        """Connects. Raises LinkError. `no_instep`: the error for what can't be done without."""
        self.place = address
        self._no_instep = no_instep
        self._ssh = SharedSsh(address, program, asks=sys.stdin.isatty())
        self._found = FarRepository(is_there=False)

    def is_bare(self) -> bool:
        """Whether a bare repository is there, of which no instep wants to know. Raises LinkError."""
        return bool(look(self._ssh).is_bare)

    def described(self) -> Described:
        """What is there. Raises Refused, LinkError."""
        self._found = found = look(self._ssh)
        if found.is_kept:
            raise self._no_instep
        if not found.has_shell:
            return self._described_by_git()
        if not found.is_there:
            return self._absent()
        kind = _KINDS[bool(found.is_bare), found.uuid is not None]
        return Described(
            str(self.place),
            kind.value,
            found.branch,
            found.object_format,
            self._config_log(found),
            bool(found.is_bare),
        )

    def _config_log(self, found: FarRepository) -> bytes:
        """The settings for all repositories, also those that were pushed there and not united yet."""
        read = b"git --git-dir=%s cat-file blob %s:config.log"
        refs = (b"git-annex", b"synced/git-annex")
        logs = (run_in_shell(self._ssh, read % (quoted(found.git_dir), ref)) or b"" for ref in refs)
        return union(*logs)

    def adopt(self, template: Template, description: str | None, *, thin: bool) -> str | None:
        """Make it an annex, if git-annex is there; return its id. Raises SetupFailed."""
        found = self._found
        if not found.has_shell:
            return found.uuid
        if not found.is_there:
            words = ("git", "init", "--quiet", "--bare", f"--initial-branch={template.branch}")
            init = shlex.join([*words, f"--object-format={template.object_format}"])
            self._do(os.fsencode(init) + b" " + shell_path(self.place.path))
            found = self._found = look(self._ssh)
        if found.uuid is None and found.has_annex_shell:
            self._init_annex(template.branch)
            found = self._found = look(self._ssh)
        return found.uuid if found.has_annex_shell else None

    def start(self, new_remotes: bool) -> Running:
        """There is nothing to start."""
        return Running()

    def close(self) -> None:
        """End the connection."""
        self._ssh.close()

    def _absent(self) -> Described:
        path = self.place.path
        if self._found.is_other:
            raise Refused(
                f"{path} on {self.place.host} is no repository, and there is no instep to make it one.",
                self._no_instep.fix,
            )
        if not path.endswith(".git"):
            bare = replace(self.place, path=path.rstrip("/") + ".git")
            raise Refused(
                f"{self._no_instep.text} So no folder can be made there.",
                f"{self._no_instep.fix} Or keep a bare repository there, for which git is enough: {bare}",
            )
        return Described(str(self.place), Kind.ABSENT.value, "", "sha1", None, is_bare=True)

    def _described_by_git(self) -> Described:
        """As far as git can tell over the network: its branch, and how it hashes."""
        git = Git(b"/dev/null", b"/", bare=False)
        environment = self._ssh.git_environment
        said = git.result("ls-remote", "--symref", "--", str(self.place), environment=environment)
        if said.returncode:
            raise LinkError(sentence(said.stderr, "git can't speak to it"), self._no_instep.fix)
        head = re.search(rb"^ref: refs/heads/(\S+)\tHEAD$", said.stdout, re.MULTILINE)
        oid = re.search(rb"^([0-9a-f]+)\t", said.stdout, re.MULTILINE)
        kind = Kind.GIT if self._found.uuid is None else Kind.ANNEX
        return Described(
            str(self.place),
            kind.value,
            os.fsdecode(head[1]) if head else "",
            "sha256" if oid and len(oid[1]) == 64 else "sha1",
            b"",
            is_bare=True,
        )

    def _init_annex(self, branch: str) -> None:
        found, called = self._found, quoted(os.fsencode(str(self.place)))
        place = quoted(found.git_dir) if found.is_bare else shell_path(self.place.path)
        command = b"cd %s && git annex init --quiet %s" % (place, called)
        if found.is_bare and not found.branch:  # so that a clone gets the files
            command += b" && git symbolic-ref HEAD " + quoted(os.fsencode(f"refs/heads/{branch}"))
        self._do(_NAMED.encode() + command)

    def _do(self, command: bytes) -> None:
        done = self._ssh.run(b"sh -c " + quoted(command))
        if done.status:
            said = sentence(done.said, f"it ended with status {done.status}")
            raise SetupFailed(f"On {self.place.host}: {said}", "Mend what it names, and try again.")


_KINDS = {
    (False, False): Kind.GIT,
    (False, True): Kind.ANNEX,
    (True, False): Kind.BARE,
    (True, True): Kind.BARE_ANNEX,
}
