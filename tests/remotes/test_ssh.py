"""A connection by an ssh program: here a script that plays the far end too."""

import os
from pathlib import Path

import anyio
import pytest

from instep.remotes.dial import SshAddress
from instep.remotes.errors import NeedsPerson, NoInstepThere, PeerGone
from instep.remotes.ssh import connect_ssh, known, link_command
from instep.remotes.ssh_program import SshProgram, Variant

pytestmark = pytest.mark.anyio

DOCS = SshAddress("host", "Docs")
FAR_END = """#!/bin/sh
printf 'Welcome. '; printf '\\ninstep-link 1\\n'
read request; echo '{"busy": true}'; echo '{"ok": {}}'
echo "$request $*"; exec cat
"""


def program(tmp_path: Path, script: str) -> SshProgram:
    """An ssh that runs `script` in place of the far command."""
    path = tmp_path / "ssh"
    path.write_text(script)
    path.chmod(0o755)
    return SshProgram(str(path), False, Variant.SIMPLE)


async def test_the_link_begins_behind_the_answer_and_the_process_ends_with_the_block(tmp_path: Path) -> None:
    ssh = program(tmp_path, f"#!/bin/sh\necho $$ > {tmp_path}/pid\n" + FAR_END)
    async with connect_ssh(DOCS, ssh) as (stream, early):
        await stream.send(b"frames")
        data = early
        with anyio.fail_after(20):
            while not data.endswith(b"frames"):
                data += await stream.receive()
    assert data == b'{"do": "link"} host instep link Docs\nframes'
    pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_process_that_does_not_end_is_ended(tmp_path: Path) -> None:
    stubborn = FAR_END.replace("exec cat", "trap '' TERM; while :; do read x; done")
    with anyio.fail_after(20):
        async with connect_ssh(DOCS, program(tmp_path, stubborn)):
            pass


async def test_the_far_program_is_looked_for_where_pip_puts_it(tmp_path: Path) -> None:
    script = f'#!/bin/sh\necho "$2" >> {tmp_path}/asked\nexit 127\n'
    with pytest.raises(NoInstepThere):
        async with connect_ssh(DOCS, program(tmp_path, script)):
            pass
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked == ["instep link Docs", "~/.local/bin/instep link Docs"]


async def test_why_a_link_ended_is_said_in_the_words_of_ssh(tmp_path: Path) -> None:
    lost = FAR_END.replace("exec cat", "read x; echo 'Timeout, server host not responding.' >&2; exit 255")

    async def use() -> None:
        async with connect_ssh(DOCS, program(tmp_path, lost)) as (stream, _):
            await stream.send(b"\n")
            raise PeerGone("The connection ended.")

    with pytest.raises(PeerGone, match="not responding"):
        await use()


async def test_no_ssh_at_all(tmp_path: Path) -> None:
    with pytest.raises(NeedsPerson, match="can't be started") as caught:
        async with connect_ssh(DOCS, SshProgram(str(tmp_path / "absent"), False, Variant.SIMPLE)):
            pass
    assert caught.value.condition == "ssh-unusable"


def test_a_program_of_an_unknown_name_is_asked_what_it_is(tmp_path: Path) -> None:
    openssh = program(tmp_path, '#!/bin/sh\n[ "$1" = -G ]\n')
    other = SshProgram("false", False, Variant.AUTO)
    assert known(SshProgram(openssh.command, False, Variant.AUTO), DOCS).variant is Variant.SSH
    assert known(other, DOCS).variant is Variant.SIMPLE


def test_a_path_is_nothing_to_the_far_shell() -> None:
    assert link_command(b"instep", os.fsdecode(b"~x;\xff")) == b"instep link '~x;\xff'"
