"""Those who are measured, behind one small interface: instep, git-annex's assistant, git by hand, rsync.

A peer keeps folder `b` equal to folder `a`. A daemon notices changes itself; the others are kicked at the
moment at which a person would start typing.
"""

import os
import subprocess
import sysconfig
from importlib import util
from pathlib import Path

PATIENCE_S = 900


def native_program() -> Path:
    """The program in git-annex's wheel, without its launcher. Raises RuntimeError."""
    spec = util.find_spec("git_annex")
    native = Path(spec.origin).parent / "git-annex" if spec and spec.origin else None
    if native is None or not native.exists():
        raise RuntimeError("the git-annex wheel is not installed beside this Python")
    return native


class Peer:
    """One peer in a directory of its own. Its processes have an own HOME, and a git that was told a name."""

    name = ""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.a, self.b = work / "a", work / "b"
        self._bin = work / "bin"
        for directory in (work / "home", work / "run", self._bin):
            directory.mkdir(parents=True, mode=0o700)
        (work / "home/.gitconfig").write_text(
            "[user]\nname = Bench\nemail = bench@example.org\n[init]\ndefaultBranch = main\n"
        )
        scripts = sysconfig.get_path("scripts")
        self.environment = {
            "HOME": str(work / "home"),
            "XDG_RUNTIME_DIR": str(work / "run"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "LANG": "C.UTF-8",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "PATH": os.pathsep.join([str(self._bin), scripts, os.environ.get("PATH", os.defpath)]),
        }

    def start(self) -> None:
        """Makes the two folders, `a` with the files that it may hold already, and starts the daemons. Returns
        when `b` is expected to become equal."""
        raise NotImplementedError

    def kick(self) -> None:
        """Takes the changes over now, for a peer without a daemon."""

    def stop(self) -> None:
        """Stops the daemons cleanly; whatever is left is ended by the caller."""

    def run(self, *command: str | Path, cwd: Path | None = None) -> str:
        """Runs a command; its output. Raises RuntimeError with its words."""
        done = subprocess.run(
            list(map(str, command)),
            cwd=cwd or self.work,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        output = done.stdout.decode(errors="replace")
        if done.returncode:
            words = output[-500:] + done.stderr.decode(errors="replace")[-500:]
            raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}: {words}")
        return output


class Instep(Peer):
    """Two folders, one background process each, a link between them."""

    name = "instep"
    command = os.environ.get("INSTEP_COMMAND", "instep")

    def start(self) -> None:
        self.run(self.command, "up", self.a, self.b)
        self.run(self.command, "wait", "--timeout", str(PATIENCE_S - 10), self.a)

    def stop(self) -> None:
        for folder in (self.a, self.b):
            self.run(self.command, "down", folder)


class Assistant(Peer):
    """Stock `git annex assistant` in both folders, each the other's remote by local path. The wheel's native
    program is used directly: through the wheel's launcher each of its many processes would start Python."""

    name = "git-annex assistant"

    def begin(self) -> None:
        """Makes `a` a repository with a file in it."""
        self._use_native_program()
        self.run("git", "init", "-q", self.a)
        (self.a / "readme").write_bytes(b"hello\n")
        self.run("git", "annex", "init", "a", cwd=self.a)
        self.run("git", "annex", "add", ".", cwd=self.a)
        self.run("git", "commit", "-q", "-m", "begin", cwd=self.a)

    def _use_native_program(self) -> None:
        """Put the program itself onto the PATH of this peer, before the launcher."""
        for command in ("git-annex", "git-annex-shell"):
            (self._bin / command).symlink_to(native_program())

    def start(self) -> None:
        self.begin()
        self.run("git", "clone", "-q", self.a, self.b)
        self.run("git", "annex", "init", "b", cwd=self.b)
        self.run("git", "remote", "rename", "origin", "a", cwd=self.b)
        self.run("git", "remote", "add", "b", self.b, cwd=self.a)
        for folder in (self.a, self.b, self.a):
            self.run("git", "annex", "sync", "--content", cwd=folder)
        for folder in (self.a, self.b):
            self.run("git", "annex", "assistant", cwd=folder)

    def stop(self) -> None:
        for folder in (self.a, self.b):
            self.run("git", "annex", "assistant", "--stop", cwd=folder)


class HandGit(Peer):
    """git typed by hand, without a pause for thought: add, commit, push to the other clone, merge there."""

    name = "git by hand"

    def start(self) -> None:
        self.run("git", "init", "-q", self.a)
        (self.a / "readme").write_bytes(b"hello\n")
        self.run("git", "add", ".", cwd=self.a)
        self.run("git", "commit", "-q", "-m", "begin", cwd=self.a)
        self.run("git", "clone", "-q", self.a, self.b)

    def kick(self) -> None:
        self.run("git", "add", "-A", cwd=self.a)
        self.run("git", "commit", "-q", "-m", "change", cwd=self.a)
        self.run("git", "push", "-q", self.b, "main:synced/main", cwd=self.a)
        self.run("git", "merge", "-q", "synced/main", cwd=self.b)


class Rsync(Peer):
    """`rsync -a a/ b/`: copying and nothing else, the floor."""

    name = "rsync -a"

    def start(self) -> None:
        for folder in (self.a, self.b):
            folder.mkdir(exist_ok=True)
        self.kick()

    def kick(self) -> None:
        self.run("rsync", "-a", "--delete", f"{self.a}/", f"{self.b}/")


class CopyAndHash(Peer):
    """`cp` and then `sha256sum`: what a verified copy of one large file costs at the least."""

    name = "cp + sha256sum"

    def start(self) -> None:
        for folder in (self.a, self.b):
            folder.mkdir(exist_ok=True)

    def kick(self) -> None:
        for path in self.a.iterdir():
            target, aside = self.b / path.name, self.work / "copy"
            if not target.exists():
                self.run("cp", path, aside)
                self.run("sha256sum", aside)
                aside.rename(target)
