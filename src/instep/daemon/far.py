"""A folder on another computer, as `instep up` sets it up: the near half of `daemon.hosting`.

One ssh process per folder, held for the whole of `up`. A person sits here: ssh may ask at the terminal for a
passphrase, or whether a host key is right.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

from instep.daemon.adopt import Described, Template
from instep.daemon.examine import Refused
from instep.daemon.near import Running
from instep.git.process import END_WITHIN_S, Complaints, finish
from instep.remotes.dial import SshAddress
from instep.remotes.errors import FarRefused, NeedsPerson, NoInstepThere, ProtocolError
from instep.remotes.reception import Message, Opening, branch_of, encode_line, text_of, uuid_of
from instep.remotes.ssh import FAR_PROGRAMS, known, link_command
from instep.remotes.ssh_program import SshProgram
from instep.remotes.ssh_trouble import trouble

READ_BYTES = 64 << 10


class FarSide:
    """A conversation with `instep link` over there. A context manager; used by one thread at a time."""

    def __init__(self, address: SshAddress, program: Callable[[], SshProgram]) -> None:
        """Nothing is started yet: `described` does."""
        self.place = address
        self._program = program
        self._conversation: _Conversation | None = None

    def described(self) -> Described:
        """What is there. Connects. Raises LinkError, or Refused with what the far end answers."""
        facts = self._ask({"do": "examine"})
        return Described(
            str(self.place),
            text_of(facts, "was"),
            branch_of(facts),
            text_of(facts, "object_format"),
            None if facts.get("config_log") is None else os.fsencode(text_of(facts, "config_log")),
        )

    def adopt(self, template: Template, description: str | None, *, thin: bool) -> str | None:
        """Make it a folder like the others; return its git-annex id. It describes itself: `description` is
        not for it."""
        facts = self._ask(
            {
                "do": "adopt",
                "branch": template.branch,
                "object_format": template.object_format,
                "config_log": os.fsdecode(template.config_log),
                "thin": thin,
            }
        )
        return uuid_of(facts)

    def start(self, new_remotes: bool) -> Running:
        """Have its process run. It never has new remotes: whether this computer could be called from there,
        nobody knows here."""
        facts = self._ask({"do": "start"})
        try:
            waits_for = tuple((str(text), str(fix)) for text, fix in facts.get("waits_for", ()))
            return Running(int(facts["pid"]), bool(facts["started"]), waits_for)
        except (KeyError, TypeError, ValueError) as error:
            raise ProtocolError("The other end does not say which process it started.") from error

    def close(self) -> None:
        """End the conversation."""
        if self._conversation is not None:
            self._conversation.close()
            self._conversation = None

    def _ask(self, request: Message) -> Message:
        if self._conversation is None:
            self._conversation = self._connected()
        try:
            return self._conversation.ask(request)
        except FarRefused as error:
            raise Refused(f"On {self.place.host}: {error.text}", error.fix) from error

    def _connected(self) -> "_Conversation":
        program = known(self._program(), self.place)
        *others, last = FAR_PROGRAMS
        for far_program in others:
            with suppress(NoInstepThere):
                return _Conversation(self.place, program, far_program)
        return _Conversation(self.place, program, last)


class _Conversation:
    """One ssh process, greeted by the far end."""

    def __init__(self, address: SshAddress, program: SshProgram, far_program: bytes) -> None:
        self._address = address
        self._program = program
        self._opening = Opening()
        self._complaints = Complaints()
        lasting = not sys.stdin.isatty()
        command = self._program.start(address, link_command(far_program, address.path), lasting=lasting)
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints.fd, bufsize=0
            )
        except OSError as error:
            self._complaints.close()
            why = f"{os.fsdecode(command[0])} can't be started: {error.strerror}"
            raise NeedsPerson("ssh-unusable", f"ssh does not work here: {why}.", why) from error
        try:
            while not self._opening.is_greeted:
                self._receive()
        except BaseException:
            self.close()
            raise

    def ask(self, request: Message) -> Message:
        """One request, one answer. Raises LinkError."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # reading says why
            self._process.stdin.write(encode_line(request))
        while (answer := self._opening.answer()) is None:
            self._receive()
        return answer

    def close(self) -> None:
        """The far end goes when its input ends."""
        finish(self._process)
        self._complaints.close()

    def _receive(self) -> None:
        assert self._process.stdout is not None
        data = self._process.stdout.read(READ_BYTES)
        if not data:
            noise = b"" if self._opening.is_greeted else self._opening.rest
            status = self._process.wait(END_WITHIN_S)
            raise trouble(status, self._complaints.read(), self._address, self._program, noise)
        self._opening.feed(data)
