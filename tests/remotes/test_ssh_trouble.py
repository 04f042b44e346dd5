"""ssh's own words become the right error, with the command that helps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instep.remotes.dial import SshAddress
from instep.remotes.errors import NeedsPerson, NoInstepThere, PeerGone
from instep.remotes.ssh_program import SshProgram
from instep.remotes.ssh_trouble import trouble

SERVER = SshAddress("server", "Docs", "me")
CHANGED = b"""@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\r
Offending ED25519 key in /home/me/.ssh/known_hosts:3\r
  remove with:\r
  ssh-keygen -f "/home/me/.ssh/known_hosts" -R "server"\r
Host key verification failed.\r
"""


@pytest.mark.parametrize(
    ("said", "condition", "detail"),
    [
        (b"Host key verification failed.\r\n", "ssh-host-unknown", "ssh me@server true"),
        (
            b"No ED25519 host key is known for server and you have requested strict checking.\r\n"
            b"Host key verification failed.\r\n",
            "ssh-host-unknown",
            "ssh me@server true",
        ),
        (CHANGED, "ssh-host-changed", 'ssh-keygen -f "/home/me/.ssh/known_hosts" -R "server"'),
        (
            b"me@server: Permission denied (publickey,password).\r\n",
            "ssh-not-let-in",
            "ssh me@server true",
        ),
        (
            b"Received disconnect from ::1 port 22:2: Too many authentication failures\r\n",
            "ssh-not-let-in",
            "ssh me@server true",
        ),
        (
            b"/home/me/.ssh/config: line 1: Bad configuration option: foo\r\n"
            b"/home/me/.ssh/config: terminating, 1 bad configuration options\r\n",
            "ssh-unusable",
            "/home/me/.ssh/config: line 1: Bad configuration option: foo",
        ),
        (
            b"Bad owner or permissions on /home/me/.ssh/config\r\n",
            "ssh-unusable",
            "Bad owner or permissions on /home/me/.ssh/config",
        ),
    ],
)
def test_what_needs_a_person(said: bytes, condition: str, detail: str) -> None:
    error = trouble(255, said, SERVER, SshProgram())
    assert isinstance(error, NeedsPerson)
    assert (error.condition, error.detail) == (condition, detail)
    assert error.detail in error.fix


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (b"ssh: Could not resolve hostname server: Name or service not known\r\n", "Could not resolve"),
        (b"ssh: connect to host server port 22: Connection refused\r\n", "Connection refused"),
        (b"kex_exchange_identification: read: Connection reset by peer\r\nConnection reset\r\n", "kex_"),
        (b"Warning: Permanently added 'server' (ED25519) to the list of known hosts.\r\n", "without a word"),
        (b"", "without a word"),
        (b"Timeout, server server not responding.\r\n", "not responding."),
        (b"\x1b[31mRed\x1b[0m\r\n", "?[31mRed"),
    ],
)
def test_what_may_pass_by_itself(said: bytes, sentence: str) -> None:
    error = trouble(255, said, SERVER, SshProgram())
    assert isinstance(error, PeerGone)
    assert sentence in error.text
    assert "ssh me@server true" in error.fix


@pytest.mark.parametrize(
    ("status", "said", "noise"),
    [
        (127, b"bash: line 1: instep: command not found\n", b""),
        (127, b"", b"Welcome\n"),
        (1, b"instep: Command not found.\n", b""),
        (1, b"", b"Hi me! You've successfully authenticated, but GitHub does not provide shell access.\n"),
        (128, b"fatal: unrecognized command 'instep link Docs'\n", b""),
        (2, b"Error: No such command 'link'.\n", b""),
        (126, b"sh: 1: instep: Permission denied\n", b""),
        (1, b"git-annex-shell: Action blocked by GIT_ANNEX_SHELL_LIMITED\n", b""),
        (128, b"fatal: unrecognized command 'instep link x'\ngit-annex-shell: git-shell failed\n", b""),
        (1, b"FATAL: unknown git/gitolite command: 'instep link x'\n", b""),
        (1, b"remote: ERROR: Disallowed command\n", b""),
    ],
)
def test_no_instep_there_is_not_an_unreachable_host(status: int, said: bytes, noise: bytes) -> None:
    assert isinstance(trouble(status, said, SERVER, SshProgram(), noise), NoInstepThere)


def test_an_account_without_a_shell_is_quoted() -> None:
    error = trouble(1, b"", SERVER, SshProgram(), b"This account is currently not available.\n")
    assert error.text == "server: This account is currently not available."


@given(st.integers(-15, 255), st.binary(max_size=200), st.binary(max_size=200))
def test_whatever_is_said_it_becomes_a_printable_sentence(status: int, said: bytes, noise: bytes) -> None:
    error = trouble(status, said, SERVER, SshProgram(), noise)
    assert error.text.isprintable()
    assert error.text.endswith(".")
