"""Making a path a folder that can be kept in step: whatever is there is adopted as it is.

A new folder gets a git-annex repository with instep's settings; an existing git-annex repository keeps its
own; a git repository gets `git annex init` and, where it says nothing of its own, the same settings. Starting
git-annex is what takes time here (200 ms for `init`), so it is started once per folder; settings are laid
into its journal before, from where `init` itself commits them. The same lines go to every folder that is made
at once: when the branches meet, their union is one line.
"""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from instep.core.errors import InstepError
from instep.core.faults import try_again
from instep.daemon.examine import Found, Refused
from instep.daemon.places import adopting_mark, git_dir_of
from instep.git.errors import sentence
from instep.git.identity import identity
from instep.git.process import Git, git_environment

_NO_SQLITE = b"filesystem where Sqlite does not work"
"""What `git annex init` says of it, aside from its last sentence."""

NEW_FOLDER_SETTINGS = {
    "annex.addunlocked": "true",
    "annex.largefiles": "largerthan=64kb",
}
"""Recorded in the git-annex branch (config.log), so every copy has them."""

TEMPORARY_NAMES = (
    "*~",
    ".*.sw?",
    r"\#*#",
    ".#*",
    "*.part",
    "*.crdownload",
    "~$*",
    ".~lock.*#",
    ".DS_Store",
    "Thumbs.db",
    "*.kate-swp",
    ".goutputstream-*",
    ".fuse_hidden*",
    ".nfs*",
    "4913",
)
"""What editors, browsers and file systems leave for a moment; put into a new folder's .git/info/exclude."""


NEW_REPOSITORY = ".git.instep-new"
"""Where a new folder's repository is made; the next `up` clears it away after one that was killed."""


class SetupFailed(InstepError):
    """git or git-annex refused; its own words are in the text."""


@dataclass(frozen=True, slots=True)
class Template:
    """What all folders of one `up` have in common."""

    branch: str
    object_format: str
    config_log: bytes


@dataclass(frozen=True, slots=True)
class Described:
    """What was found at a path, here or on another computer, as far as the others need to know it.

    `place`: how people call it. `kind`: the words of `Kind`. `config_log`: that of the git-annex branch, or
    of a repository's first one; None if it is no repository yet.
    """

    place: str
    kind: str
    branch: str
    object_format: str
    config_log: bytes | None
    is_bare: bool = False

    @property
    def is_repository(self) -> bool:
        return self.config_log is not None


def describe(found: Found) -> Described:
    """Of a path on this computer. Starts a git (3 ms) if it is a repository."""
    kind = found.kind
    log = (_config_log_of(found) or _first_config_log(found)) if kind.is_repository else None
    return Described(str(found.root), kind.value, found.branch, found.object_format, log, kind.is_bare)


def template_of(found: Sequence[Described]) -> Template:
    """Taken from the first repository among them, or that of a new folder. Raises Refused if two repositories
    can't be in step with each other."""
    repositories = [one for one in found if one.is_repository]
    for other in repositories[1:]:
        if other.object_format != repositories[0].object_format:
            raise Refused(
                f"{repositories[0].place} and {other.place} hash their objects differently "
                f"({repositories[0].object_format}, {other.object_format}).",
                "Make one of them anew as a copy of the other.",
            )
    with_branch = sorted((one for one in repositories if one.branch), key=lambda one: one.is_bare)
    if not with_branch:
        form = repositories[0].object_format if repositories else found[0].object_format
        return Template(found[0].branch, form, new_config_log(int(time.time())))
    first = with_branch[0]
    for other in with_branch[1:]:
        if other.branch != first.branch and not other.is_bare:
            raise Refused(
                f"{first.place} has the branch {first.branch} checked out, {other.place} has {other.branch}.",
                f"Check out the same branch on both: git -C {other.place} switch {first.branch}",
            )
    return Template(first.branch, first.object_format, first.config_log or b"")


def new_config_log(now_s: int) -> bytes:
    """The git-annex branch's config.log of a new folder."""
    lines = [f"{now_s}s {name} {value}\n" for name, value in sorted(NEW_FOLDER_SETTINGS.items())]
    return "".join(lines).encode()


def _config_log_of(found: Found) -> bytes:
    git = _git(found)
    for ref in ("refs/heads/git-annex", *_heard_of(git)):
        if log := git.run("cat-file", "blob", f"{ref}:config.log", check=False):
            return log
    return b""


def _git(found: Found) -> Git:
    git_dir = found.root if found.kind.is_bare else _git_dir(found.root)
    return Git(os.fsencode(git_dir), os.fsencode(found.root), bare=found.kind.is_bare)


def is_known_to_annex(found: Found) -> bool:
    """Whether it is a git-annex repository, or a clone of one, which git-annex itself makes one whenever it
    meets it."""
    return found.kind.is_annex or (found.kind.is_repository and bool(_heard_of(_git(found))))


def _heard_of(git: Git) -> list[str]:
    """The git-annex branches of other copies that a clone came with; `git annex init` begins with those."""
    refs = git.run("for-each-ref", "--format=%(refname)", "refs/remotes/*/git-annex")
    return [os.fsdecode(ref) for ref in refs.splitlines()]


def _git_dir(root: Path) -> Path:
    """It may be elsewhere, named by a file `.git` (of which `git annex init` makes a link)."""
    return git_dir_of(root) or root / ".git"


def _first_config_log(found: Found) -> bytes:
    """For a git repository that git-annex never saw: what new folders get, or git-annex would annex every
    file of it that changes. One that has said anything of its own keeps that, and so does a clone of one."""
    if found.config.get("annex.largefiles") is not None or is_known_to_annex(found):
        return b""
    return new_config_log(int(time.time()))


def adopt(
    found: Found, template: Template, description: str | None, *, thin: bool = False, turn: int | None = None
) -> None:
    """Make it a git-annex repository on the template's branch; what is started for that inherits `turn`.
    Killed at any moment, it can be done again (I27). Raises SetupFailed, OSError."""
    run = partial(_run, _environment(found), () if turn is None else (turn,))
    if not found.kind.is_annex:
        shutil.rmtree(found.root / NEW_REPOSITORY, ignore_errors=True)
    if not found.kind.is_repository:
        _make_directory(found.root)
        _create(found.root, template, run, thin=thin)
    if not found.kind.is_annex:
        if not found.kind.is_bare:
            if not is_known_to_annex(found):  # else they come from where it was cloned
                _lay_settings(found.root, template)
        elif not found.branch:  # so that a clone gets the files
            run(found.root, "git", "symbolic-ref", "HEAD", f"refs/heads/{template.branch}")
        mark = adopting_mark(found.root if found.kind.is_bare else _git_dir(found.root))
        mark.parent.mkdir(mode=0o700, exist_ok=True)
        mark.touch()  # I27: git-annex has an id long before it has all
        words = description or default_description(found.root)
        run(found.root, "git-annex", "init", words)
        mark.unlink()


def _make_directory(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = error.strerror or str(error)
        fix = try_again(error, "Choose another place.")
        raise SetupFailed(f"{root} can't be made: {why}.", fix) from error


def default_description(root: Path) -> str:
    """As git-annex itself would describe a repository: user@host:path."""
    home = os.path.expanduser("~")
    path = str(root)
    short = "~" + path.removeprefix(home) if path.startswith(home + "/") else path
    return f"{getpass.getuser()}@{socket.gethostname()}:{short}"


def _create(root: Path, template: Template, run: Callable[..., None], *, thin: bool) -> None:
    """Made aside and put in place whole: half a repository would have to be told from a broken one."""
    branch, object_format = template.branch, template.object_format
    aside = root / NEW_REPOSITORY
    aside.mkdir()
    run(
        aside,
        *("git", "init", "--quiet", f"--initial-branch={branch}", f"--object-format={object_format}", "."),
    )
    if thin:
        run(aside, "git", "config", "annex.thin", "true")
    exclude = aside / ".git/info/exclude"
    exclude.parent.mkdir(exist_ok=True)
    with open(exclude, "a", encoding="utf-8") as file:
        file.write("# names of files that programs make for a moment\n")
        file.writelines(f"{name}\n" for name in TEMPORARY_NAMES)
    os.rename(aside / ".git", root / ".git")
    aside.rmdir()


def _lay_settings(root: Path, template: Template) -> None:
    """Where `git annex init` finds and commits them."""
    if template.config_log:
        journal = _git_dir(root) / "annex/journal"
        journal.mkdir(parents=True, exist_ok=True)
        (journal / "config.log").write_bytes(template.config_log)


def _environment(found: Found) -> dict[str, str]:
    """Of git and git-annex processes; where git knows no name, with one, so that none gets written down."""
    environment = git_environment()
    name, email = identity(found.config)
    for role in ("AUTHOR", "COMMITTER"):
        environment.setdefault(f"GIT_{role}_NAME", _text(name))
        environment.setdefault(f"GIT_{role}_EMAIL", _text(email))
    return environment


def _text(value: str | bytes) -> str:
    return os.fsdecode(value)


def _run(environment: dict[str, str], inherited: Sequence[int], root: Path, *command: str) -> None:
    """git's hooks and filters stay on here: git-annex looks at them to decide what to set up."""
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            pass_fds=inherited,
            check=False,
        )
    except OSError as error:
        fix = try_again(error, "See that it is installed.")
        raise SetupFailed(f"{command[0]} can't be started: {error.strerror}.", fix) from error
    if done.returncode:
        where = root.parent if root.name == NEW_REPOSITORY else root
        if _NO_SQLITE in done.stdout + done.stderr:
            elsewhere = f"git -C {where} config annex.dbdir ~/.cache/git-annex"
            raise SetupFailed(
                f"git-annex can't keep its databases on the filesystem of {where}.",
                f"Have it keep them elsewhere, and try again: {elsewhere}",
            )
        said = sentence(done.stderr or done.stdout, f"it ended with status {done.returncode}")
        fix = try_again(said, "Mend what it names, and try again: nothing of yours was changed.")
        raise SetupFailed(f"{' '.join(command[:2])} failed in {where}: {said}", fix)
