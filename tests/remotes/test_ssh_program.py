"""Which ssh is started, and with which words: by git's rules, and safe to hand to a shell."""

import os
import shutil
import subprocess
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instep.remotes.dial import SshAddress
from instep.remotes.errors import BadAddress
from instep.remotes.ssh_program import KEPT_ALIVE, LASTING, PLAIN, SshProgram, Variant, quoted, ssh_program

HERE = SshAddress("host", "Docs", "me")
AT_A_PORT = SshAddress("host", "Docs", None, 2222)


@pytest.mark.parametrize(
    ("environment", "command", "variant", "expected"),
    [
        ({}, None, None, SshProgram("ssh", False, Variant.SSH)),
        ({"GIT_SSH": "/opt/plink.exe"}, None, None, SshProgram("/opt/plink.exe", False, Variant.PLINK)),
        ({"GIT_SSH": "my ssh"}, None, None, SshProgram("my ssh", False, Variant.AUTO)),
        ({"GIT_SSH": "x"}, "ssh -i k", None, SshProgram("ssh -i k", True, Variant.SSH)),
        ({"GIT_SSH_COMMAND": "ssh -v"}, "other", None, SshProgram("ssh -v", True, Variant.SSH)),
        ({}, "FOO=1 ssh", None, SshProgram("FOO=1 ssh", True, Variant.AUTO)),
        ({}, "'/a b/ssh' -4", None, SshProgram("'/a b/ssh' -4", True, Variant.SSH)),
        ({}, "open 'quote", None, SshProgram("open 'quote", True, Variant.AUTO)),
        ({}, None, "simple", SshProgram("ssh", False, Variant.SIMPLE)),
        ({"GIT_SSH_VARIANT": "putty"}, None, "simple", SshProgram("ssh", False, Variant.PUTTY)),
        ({}, "wrapper", "something", SshProgram("wrapper", True, Variant.SSH)),
        ({}, "wrapper", "auto", SshProgram("wrapper", True, Variant.AUTO)),
        ({"GIT_SSH": "tortoiseplink"}, None, None, SshProgram("tortoiseplink", False, Variant.TORTOISEPLINK)),
    ],
)
def test_the_program_is_the_one_that_git_would_start(
    environment: Mapping[str, str], command: str | None, variant: str | None, expected: SshProgram
) -> None:
    settings = {"core.sshCommand": command, "ssh.variant": variant}
    assert ssh_program(environment, settings.get) == expected


def test_the_command_lines_of_a_shared_connection() -> None:
    master = SshProgram().master(HERE, "/run/s", lasting=True)
    assert master[:6] == ["ssh", "-M", "-S", "/run/s", "-N", "-o"]
    assert "BatchMode=yes" in master
    assert "BatchMode=yes" not in SshProgram().master(HERE, "/run/s", lasting=False)
    through = SshProgram().start(HERE, b"true", lasting=True, through="/run/s")
    assert through == ["ssh", "-S", "/run/s", *LASTING, *PLAIN, "me@host", b"true"]


def test_git_is_told_to_go_through_it_too() -> None:
    told = SshProgram("my ssh", False, Variant.SSH).for_git("/run/s")
    assert told == {
        "GIT_SSH_COMMAND": " ".join(["'my ssh'", "-S", "/run/s", *LASTING, *KEPT_ALIVE]),
        "GIT_SSH_VARIANT": "ssh",
    }
    assert SshProgram("plink -x", True, Variant.PLINK).for_git(None)["GIT_SSH_COMMAND"] == "plink -x -batch"
    assert SshProgram("w", True, Variant.SIMPLE).for_git(None)["GIT_SSH_COMMAND"] == "w"


def test_the_command_lines_of_each_variant() -> None:
    there = b"instep link Docs"
    assert SshProgram().start(HERE, there, lasting=True) == ["ssh", *LASTING, *PLAIN, "me@host", there]
    assert SshProgram().start(AT_A_PORT, there, lasting=False) == ["ssh", *PLAIN, "-p", "2222", "host", there]
    shell = SshProgram("ssh -i 'a b'", True)
    assert shell.start(HERE, there, lasting=False)[:4] == ["sh", "-c", "ssh -i 'a b' \"$@\"", "ssh -i 'a b'"]
    plink = SshProgram("plink", False, Variant.PLINK)
    assert plink.start(AT_A_PORT, there, lasting=True) == [
        "plink",
        "-batch",
        "-T",
        "-P",
        "2222",
        "host",
        there,
    ]
    putty = SshProgram("putty", False, Variant.PUTTY)
    assert putty.start(AT_A_PORT, there, lasting=True) == ["putty", "-P", "2222", "host", there]
    simple = SshProgram("wrap", False, Variant.SIMPLE)
    assert simple.start(HERE, there, lasting=True) == ["wrap", "me@host", there]
    with pytest.raises(BadAddress, match="port"):
        simple.start(AT_A_PORT, there, lasting=True)
    assert SshProgram("x", False, Variant.AUTO).probe(HERE) == ["x", "-G", "me@host"]


def test_what_a_person_types() -> None:
    assert SshProgram().by_hand(HERE) == "ssh me@host true"
    assert SshProgram().by_hand(AT_A_PORT) == "ssh -p 2222 host true"
    assert SshProgram("ssh -i 'a b'", True).by_hand(HERE) == "ssh -i 'a b' me@host true"
    assert SshProgram("/a b", False, Variant.PLINK).by_hand(AT_A_PORT) == "'/a b' -P 2222 host true"


SHELLS = [shell for shell in ("sh", "bash", "zsh", "fish", "csh", "tcsh") if shutil.which(shell)]


@given(
    st.lists(st.sampled_from([*b"ab '\"\\!$`~*?[]{}();&|<>#=%@-\n\t\xc3\xa4\xff"]), max_size=20).map(bytes)
)
def test_every_shell_reads_the_word_back(word: bytes) -> None:
    assert SHELLS
    for shell in SHELLS:
        if shell in ("csh", "tcsh") and b"\n" in word:
            continue
        done = subprocess.run(
            [shell, "-c", b"printf '%s.' " + quoted(word)], capture_output=True, check=False, env=os.environ
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, word + b".", b""), shell
