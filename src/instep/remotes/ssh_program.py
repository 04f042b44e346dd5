"""Which ssh program is started for a remote, and with which words: as git does it.

`GIT_SSH_COMMAND`, `core.sshCommand` (both commands for a shell), `GIT_SSH` (a program) and `ssh.variant` mean
what they mean to git (git-config(1), ssh.variant; connect.c: get_ssh_command, determine_ssh_variant). On top
of that come the options that a connection needs which lasts and at which nobody sits. Pure.
"""

import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from instep.remotes.dial import SshAddress
from instep.remotes.errors import BadAddress


class Variant(Enum):
    """The families of ssh programs that git knows, by how they take options."""

    SSH = "ssh"
    PLINK = "plink"
    PUTTY = "putty"
    TORTOISEPLINK = "tortoiseplink"
    SIMPLE = "simple"
    AUTO = "auto"
    """Not known yet: one that understands `-G HOST` is OpenSSH, any other is simple."""


LASTING = (
    *("-o", "BatchMode=yes"),  # nobody is there to answer
    *("-o", "ControlMaster=no"),  # a person's master is used, if there is one, but we never are one
    *("-o", "ClearAllForwardings=yes"),  # forwardings are for a person's own connections
)
"""What OpenSSH is told for a connection in the background."""
KEPT_ALIVE = (*("-o", "ServerAliveInterval=5"), *("-o", "ServerAliveCountMax=3"))
"""What OpenSSH is told besides for a connection whose life nobody else looks after. # I25"""
PLAIN = ("-T", "-x")
"""No terminal, which would change the bytes, whatever the configuration says; no X11."""

_SAFE_WORD = re.compile(rb"[A-Za-z0-9_@%+=:,./-]+")


@dataclass(frozen=True, slots=True)
class SshProgram:
    """One way to start ssh. `command`: words for a shell if `is_shell`, else the name of one program."""

    command: str = "ssh"
    is_shell: bool = False
    variant: Variant = Variant.SSH

    def start(
        self, address: SshAddress, remote_command: bytes, *, lasting: bool, through: str | None = None
    ) -> list[str | bytes]:
        """The command line that runs `remote_command` in the shell over there. `lasting`: in the
        background, where nobody can be asked. `through`: the socket of a master connection. Raises
        BadAddress."""
        shared = ["-S", through] if through else []
        return [
            *self._words(),
            *shared,
            *self._options(address, lasting),
            address.destination,
            remote_command,
        ]

    def master(self, address: SshAddress, socket: str, *, lasting: bool) -> list[str]:
        """The command line of a connection that is there for others to go through. OpenSSH only."""
        # of options that contradict each other the first holds
        master = ["-M", "-S", socket, "-N", *("-o", "ControlPersist=no"), *KEPT_ALIVE]
        return [*self._words(), *master, *self._options(address, lasting), address.destination]

    def for_git(self, through: str | None) -> dict[str, str]:
        """What tells git to start this program, in the background; git adds port, address and command."""
        words = [self.command if self.is_shell else shlex.quote(self.command)]
        if self.variant is Variant.SSH:
            shared = ("-S", through) if through else ()
            words += map(shlex.quote, (*shared, *LASTING, *KEPT_ALIVE))
        elif self.variant in (Variant.PLINK, Variant.TORTOISEPLINK):
            words.append("-batch")
        return {"GIT_SSH_COMMAND": " ".join(words), "GIT_SSH_VARIANT": self.variant.value}

    def probe(self, address: SshAddress) -> list[str]:
        """The command line that ends with 0 if this program is an OpenSSH. It connects with nobody."""
        return [*self._words(), "-G", address.destination]

    def by_hand(self, address: SshAddress) -> str:
        """What a person types to see what this program says to the same address."""
        command = self.command if self.is_shell else shlex.quote(self.command)
        port: list[str] = []
        if address.port is not None and self.variant is not Variant.SIMPLE:
            port = ["-p" if self.variant in (Variant.SSH, Variant.AUTO) else "-P", str(address.port)]
        return " ".join([command, *port, shlex.quote(address.destination), "true"])

    def _words(self) -> list[str]:
        if not self.is_shell:
            return [self.command]
        return ["sh", "-c", f'{self.command} "$@"', self.command]

    def _options(self, address: SshAddress, lasting: bool) -> list[str]:
        port = [] if address.port is None else [str(address.port)]
        match self.variant:
            case Variant.SSH | Variant.AUTO:
                return [*(LASTING if lasting else ()), *PLAIN, *(["-p", *port] if port else [])]
            case Variant.TORTOISEPLINK | Variant.PLINK:
                return ["-batch", "-T", *(["-P", *port] if port else [])]
            case Variant.PUTTY:
                return ["-P", *port] if port else []
            case Variant.SIMPLE if port:
                raise BadAddress(
                    f"{self.command} takes no port, but {address} names one.",
                    "Say which kind of ssh it is: git config ssh.variant ssh",
                )
            case Variant.SIMPLE:
                return []


def ssh_program(environment: Mapping[str, str], setting: Callable[[str], str | None]) -> SshProgram:
    """The program that git would start. `setting` gives a value of git's configuration by its name."""
    told = _told_variant(environment.get("GIT_SSH_VARIANT") or setting("ssh.variant"))
    if shell_words := environment.get("GIT_SSH_COMMAND") or setting("core.sshCommand"):
        return SshProgram(shell_words, True, told or _variant_of(_first_word(shell_words)))
    program = environment.get("GIT_SSH") or "ssh"
    return SshProgram(program, False, told or _variant_of(program))


def _told_variant(text: str | None) -> Variant | None:
    """A name that git does not know means OpenSSH, as in git."""
    if text is None or text == "auto":
        return None
    try:
        return Variant(text)
    except ValueError:
        return Variant.SSH


def _first_word(command: str) -> str:
    try:
        return next(iter(shlex.split(command)), "")
    except ValueError:
        return ""


def _variant_of(program: str) -> Variant:
    name = os.path.basename(program).lower().removesuffix(".exe")
    known = {variant.value: variant for variant in (Variant.SSH, Variant.PLINK, Variant.TORTOISEPLINK)}
    return known.get(name, Variant.AUTO)


def quoted(word: bytes) -> bytes:
    """One word as every usual shell (sh, bash, zsh, fish, csh) reads it back: nothing in it is expanded.

    A backslash and `!` mean something between single quotes to fish and csh, so they stand outside of them,
    as git's own quoting has `!`. csh can't take a newline.
    """
    if _SAFE_WORD.fullmatch(word):
        return word
    return b"'" + re.sub(rb"(['!\\])", rb"'\\\1'", word) + b"'"
