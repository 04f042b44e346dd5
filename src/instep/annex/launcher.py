"""Finding git-annex and starting it.

The wheel `git-annex` puts a small Python program on the PATH (16 ms a start) and the real binary into its
package, from where it is started directly. git itself starts git-annex by its name, for filters and hooks:
the launcher's directory is on the PATH of every git that instep starts (`git_environment`). Without the
wheel, the git-annex on the PATH is used.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from instep.annex.errors import AnnexError, AnnexMissing
from instep.core.faults import try_again
from instep.git.errors import sentence
from instep.git.process import git_environment

OLDEST = (10, 20251029)
"""The oldest git-annex that instep is tested with."""

_GET_IT = "Install it: pip install --upgrade git-annex"


@dataclass(frozen=True, slots=True)
class Launcher:
    """One installed git-annex."""

    binary: str
    """The program to start, which is also `git-annex-shell` when started under that name."""
    magic: str | None = None
    """The MIME database that comes with it."""

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """What its processes need in their environment: in the locale C it would take `é` in a file name for
        two characters."""
        environment = git_environment() | {"LC_ALL": "C.UTF-8"}
        if self.magic and "MAGIC" not in environment:
            environment["MAGIC"] = self.magic
        return environment | dict(extra or {})

    def version(self) -> str:
        """`10.20251029`, as it says itself. Raises AnnexMissing if it can't be started."""
        try:
            done = subprocess.run(
                [self.binary, "version", "--raw"], capture_output=True, check=True, env=self.environment()
            )
        except OSError as error:
            fix = try_again(error, _GET_IT)
            raise AnnexMissing(f"git-annex can't be started: {error.strerror}.", fix) from None
        except subprocess.CalledProcessError as error:
            said = sentence(error.stderr, f"it ended with status {error.returncode}")
            fix = try_again(said, _GET_IT)
            raise AnnexMissing(f"git-annex is there, but does not work: {said}", fix) from None
        return done.stdout.decode(errors="replace").strip()

    def check(self) -> None:
        """Raises AnnexMissing if this git-annex can't be started or is too old."""
        version = self.version()
        found = re.match(r"(\d+)\.(\d+)", version)
        if found is None or (int(found[1]), int(found[2])) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise AnnexMissing(f"git-annex {version} is too old: instep needs {oldest} or newer.", _GET_IT)

    def run(
        self,
        folder: bytes,
        *args: str | bytes,
        input: bytes = b"",
        environment: Mapping[str, str] | None = None,
    ) -> bytes:
        """Runs a git-annex command in a repository to its end; gives its standard output.

        Raises AnnexError with git-annex's own sentence.
        """
        try:
            done = subprocess.run(
                [self.binary, *args],
                input=input,
                capture_output=True,
                check=False,
                cwd=folder,
                env=self.environment(environment),
            )
        except OSError as error:
            raise AnnexMissing(f"git-annex can't be started: {error.strerror}.", _GET_IT) from error
        if done.returncode != 0:
            otherwise = f"git annex {os.fsdecode(args[0])} ended with status {done.returncode}"
            raise AnnexError(sentence(done.stderr, otherwise), status=done.returncode)
        return done.stdout


@cache
def find_launcher() -> Launcher:
    """The git-annex that instep uses. Raises AnnexMissing if there is none."""
    spec = importlib.util.find_spec("git_annex")
    package = next(iter((spec and spec.submodule_search_locations) or ()), None)
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    found = search(package, [sysconfig.get_path("scripts"), *path])
    if found is None:
        raise AnnexMissing("git-annex is not installed.", _GET_IT)
    return found


def search(package: str | None, path: Iterable[str]) -> Launcher | None:
    """The binary in the wheel's package, else the program in one of the directories of `path`."""
    if package is not None:
        binary, magic = Path(package, "git-annex"), Path(package, "magic.mgc")
        if os.access(binary, os.X_OK):
            return Launcher(str(binary), str(magic) if magic.exists() else None)
    program = shutil.which("git-annex", path=os.pathsep.join(path))
    return None if program is None else Launcher(program)
