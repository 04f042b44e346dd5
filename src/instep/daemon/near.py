"""A folder on this computer, as `instep up` sets it up. `daemon.far` has the same for one on another."""

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from instep.daemon.adopt import Described, Template, adopt, describe
from instep.daemon.client import NoAnswer, ask, is_running
from instep.daemon.connect import Remotes
from instep.daemon.examine import Found, examine
from instep.daemon.lock import assistant, holder
from instep.daemon.places import git_dir_of, is_guest
from instep.daemon.process import Launch, StartFailed
from instep.daemon.setting_up import SettingUp
from instep.remotes.ssh_program import SshProgram, ssh_program

ANSWERS_WITHIN_S = 30.0
_LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Running:
    """A folder's process. `started`: by this call. `waits_for`: what a person is to look at before the folder
    can be in step, the sentence and the way out of each."""

    pid: int = 0
    started: bool = False
    waits_for: tuple[tuple[str, str], ...] = ()


class NearSide:
    """One path. Used by one thread at a time; `described` goes first."""

    def __init__(self, root: Path, launch: Launch, *, may_be_bare: bool = False) -> None:
        """Nothing is looked at yet. `may_be_bare`: a repository without a work tree will do."""
        self.place = root
        self._launch = launch
        self._may_be_bare = may_be_bare
        self._found: Found | None = None

    def described(self) -> Described:
        """What is there. Raises Refused."""
        self._found = examine(self.place, may_be_bare=self._may_be_bare)
        return describe(self._found)

    def adopt(self, template: Template, description: str | None, *, thin: bool) -> str | None:
        """Make it a folder like the others; return its git-annex id. Raises SetupFailed, OSError."""
        assert self._found is not None
        with SettingUp(self.place) as turn:
            if not self._found.kind.is_annex:
                self.described()  # another `up` may have made it one meanwhile
            adopt(self._found, template, description, thin=thin, turn=turn.fd)
            if self._found.kind.is_annex:
                return self._found.config.get("annex.uuid")
            return Remotes(self.place).uuid()

    def start(self, new_remotes: bool) -> Running:
        """Start its process, which takes the place of a guest, or tell the one that runs of its new remotes.
        Raises StartFailed."""
        git_dir = git_dir_of(self.place)
        if git_dir is not None and assistant(git_dir) is not None:
            return Running()  # two that commit to one work tree would be in each other's way
        with SettingUp(self.place):
            pid, started = self._runs(git_dir) if git_dir else None, False
            if pid is None:
                pid, started = self._launched(git_dir)
        if not started and new_remotes:
            ask(self.place, "remotes-changed")
        serious = [item for item in ask(self.place, "status")["attention"] if item["severity"] == "attention"]
        return Running(pid, started, tuple((item["text"], item["fix"]) for item in serious))

    def _launched(self, git_dir: Path | None) -> tuple[int, bool]:
        """The folder's process, and whether it is the one that was started here: who calls over ssh may have
        been faster (`daemon.reception`). Raises StartFailed."""
        try:
            return self._launch.start(self.place).wait(), True
        except StartFailed:
            pid = self._runs(git_dir) if git_dir else None
            if pid is None:
                raise
            return pid, False

    def _runs(self, git_dir: Path) -> int | None:
        """The folder's own process, once it answers: one that another `up` started may have only begun.
        Raises StartFailed."""
        until_s = time.monotonic() + ANSWERS_WITHIN_S
        while (pid := holder(git_dir)) is not None and not is_guest(git_dir):
            with suppress(NoAnswer):  # it may have ended just now
                if is_running(self.place):
                    return pid
            if time.monotonic() > until_s:
                raise StartFailed(
                    f"The process of {self.place} (number {pid}) runs but does not answer.",
                    f"Stop it and try again: instep down {self.place}",
                )
            time.sleep(_LOOK_EVERY_S)
        return None

    def ssh_program(self) -> SshProgram:
        """The ssh that git would start from here."""
        assert self._found is not None
        return ssh_program(os.environ, self._found.config.get)
