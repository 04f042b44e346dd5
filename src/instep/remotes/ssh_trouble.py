"""What it means when ssh ends before the link was open, from its exit status and its own words. Pure.

The words are OpenSSH's (sshconnect.c, sshconnect2.c, ssh.c), which it has in English only. What nothing here
knows is handed on as it is: the last thing that ssh said.
"""

import re

from instep.remotes.dial import SshAddress
from instep.remotes.errors import LinkError, NeedsPerson, NoInstepThere, PeerGone
from instep.remotes.ssh_program import SshProgram

SSH_FAILED = 255
"""ssh's exit status when it failed itself; any other is that of the far command."""
_NOT_FOUND = 127
_NOT_EXECUTABLE = 126

_NO_INSTEP = re.compile(
    r"instep:? (command )?not found|not found: \S*instep|Unknown command:? '?instep|Command not found"
    r"|unrecognized command|Invalid command|does not provide shell access|No such command 'link'"
    r"|^git-annex-shell: |nknown git/gitolite command|Disallowed command",
    re.MULTILINE,
)
_CONFIGURATION = re.compile(r"[Bb]ad (configuration option|owner or permissions)|terminating, \d+ bad")
_DETAILS = re.compile(r"^(Warning: |debug\d: |Pseudo-terminal |\*\* )|^\s*$|^@+$")


def trouble(
    status: int, said: bytes, address: SshAddress, program: SshProgram, noise: bytes = b""
) -> LinkError:
    """The error for a process that ended with `status`. `said`: its standard error; `noise`: what the far
    shell printed."""
    lines = _lines(said)
    text = "\n".join(lines)
    if status == SSH_FAILED:
        by_hand = f"See what ssh says: {program.by_hand(address)}"
        return _needs_person(text, address, program) or PeerGone(_last(lines, address), by_hand)
    everything = "\n".join([*lines, *_lines(noise)])
    if status in (_NOT_FOUND, _NOT_EXECUTABLE) or _NO_INSTEP.search(everything):
        return no_instep(address)
    return PeerGone(_last(lines or _lines(noise), address))


def no_instep(address: SshAddress) -> NoInstepThere:
    """The error for a computer that has none."""
    return NoInstepThere(
        f"instep is not installed on {address.host}, or not where ssh finds programs.",
        "Install it there: pip install instep; the shell that ssh starts must find it on its PATH.",
    )


def _needs_person(text: str, address: SshAddress, program: SshProgram) -> LinkError | None:
    by_hand = program.by_hand(address)
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in text:
        forget = re.search(r"remove with:\s*(ssh-keygen [^\n]*?-R [^\n]+)", text)
        return NeedsPerson(
            "ssh-host-changed",
            f"{address.host} shows another host key than the one that is known.",
            forget[1].strip() if forget else f"ssh-keygen -R {address.host}",
        )
    if "Host key verification failed" in text:
        return NeedsPerson("ssh-host-unknown", f"The host key of {address.host} is not known yet.", by_hand)
    if "Permission denied" in text or "Too many authentication failures" in text:
        return NeedsPerson(
            "ssh-not-let-in", f"{address.host} lets nobody in without a password or another key.", by_hand
        )
    if found := _CONFIGURATION.search(text):
        line = next(line for line in text.splitlines() if found[0] in line)
        return NeedsPerson("ssh-unusable", f"ssh does not work as it is configured: {line}", line)
    return None


def _lines(said: bytes) -> list[str]:
    text = said.decode("utf-8", "replace")
    lines = [
        "".join(c if c.isprintable() else "?" for c in line).strip() for line in re.split(r"[\r\n]+", text)
    ]
    return [line for line in lines if not _DETAILS.search(line)]


def _last(lines: list[str], address: SshAddress) -> str:
    """The line that says why. ssh's own have `ssh: ` before them, or name what they are about."""
    if not lines:
        return f"The connection to {address.host} ended without a word."
    best = next((line for line in reversed(lines) if line.startswith(("ssh: ", "kex_"))), lines[-1])
    return f"{address.host}: {best.removeprefix('ssh: ').rstrip('.')}."
