"""One git repository, opened once: where it is, what it hashes with, and its config, objects and refs."""

import os
from collections.abc import Sequence
from pathlib import Path

from instep.core.types import ObjectFormat
from instep.fs.syscalls import syncfs
from instep.git.config import Config
from instep.git.errors import GitError, NotARepository, sentence
from instep.git.index_format import Memory
from instep.git.objects import ObjectStore
from instep.git.process import Argument, Git, git_environment, run_at
from instep.git.refs import Refs
from instep.git.sharing import Sharing

__all__ = ["GitError", "NotARepository", "Repository", "git_environment"]


class Repository:
    """A repository with or without a work tree. Safe to use from several threads.

    `root`: the work tree's top, symlinks resolved (of a bare repository: the repository itself).
    `git_dir`: this work tree's own git directory; `common_dir`: where objects and refs are, which differs
    only in a work tree made by `git worktree`. `private`: instep's own directory, mode 0700; `staging`: for
    `Batch`, in it.
    """

    def __init__(
        self,
        root: bytes,
        git_dir: bytes,
        common_dir: bytes,
        fmt: ObjectFormat,
        *,
        bare: bool,
        visiting: bool = False,
    ) -> None:
        self.root = root
        self.git_dir = git_dir
        self.common_dir = common_dir
        self.format = fmt
        self.bare = bare
        self.private = git_dir + (b"/instep-%d" % os.geteuid() if visiting else b"/instep")
        if not visiting:
            _make_private(self.private)
        self.git = Git(git_dir, root, bare=bare)
        self.config = Config(self.git)
        self.sharing = Sharing.of(self.config)
        self.staging = self.private + b"/staging"
        self.objects = ObjectStore(self.git, common_dir + b"/objects", self.staging, fmt, self.sharing)
        self.refs = Refs(self.git, common_dir, fmt)
        self.index_memory: Memory | None = None

    @classmethod
    def open(cls, folder: str | bytes | Path, *, visiting: bool = False) -> "Repository":
        """Opens the repository whose top is this folder. Raises NotARepository, with git's reason.

        `visiting`: it is another folder's, perhaps another user's too. Nothing is made in it before something
        is written, and what is ours there bears our user's number.
        """
        top = os.path.realpath(os.fsencode(folder))
        is_bare, form, git_dir, common_dir = _ask_all(
            *(top, "--is-bare-repository", "--show-object-format", "--absolute-git-dir", "--git-common-dir")
        )
        bare = is_bare == b"true"
        git_dir = os.path.realpath(git_dir)
        common_dir = os.path.realpath(os.path.join(top, common_dir))
        root = git_dir if bare else os.path.realpath(_ask(top, "--show-toplevel"))
        if root != top:
            shown = os.fsdecode(top)
            raise NotARepository(
                f"{shown} lies inside the repository {os.fsdecode(root)}, it is not one itself."
            )
        return cls(root, git_dir, common_dir, ObjectFormat(form.decode()), bare=bare, visiting=visiting)

    def run(
        self,
        *args: Argument,
        input: bytes = b"",
        check: bool = True,
        config: Sequence[str] = (),
    ) -> bytes:
        """Runs a git command to its end, with hooks, filters and prompts off; gives its standard output.

        `config`: more settings for this command, `name=value`. Raises GitError with git's own sentence.
        """
        return self.git.run(*args, input=input, check=check, config=config)

    def sync(self) -> None:
        """Makes durable what somebody else wrote here, before anything is built on it.  # I10

        git does not sync loose objects unless told to, and our own syncing would keep their mere names.
        """
        fd = os.open(self.common_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            syncfs(fd)
        finally:
            os.close(fd)

    def idle(self) -> None:
        """Ends the lasting git processes; whatever needs one starts it again."""
        self.objects.idle()
        self.refs.idle()

    def close(self) -> None:
        """As `idle`: a repository holds nothing else open."""
        self.idle()


def _ask_all(folder: bytes, *questions: str) -> list[bytes]:
    """The answers; one by one where a path has a line break in it."""
    answers = _ask(folder, *questions).split(b"\n")
    return answers if len(answers) == len(questions) else [_ask(folder, each) for each in questions]


def _ask(folder: bytes, *questions: str) -> bytes:
    """An answer of `git rev-parse`, found as git finds repositories, its check of the owner included."""
    try:
        done = run_at(folder, "rev-parse", *questions)
    except NotADirectoryError:
        raise NotARepository(f"{os.fsdecode(folder)} is not a folder.") from None
    except FileNotFoundError:
        raise NotARepository(f"{os.fsdecode(folder)} does not exist.") from None
    if done.returncode != 0:
        where = os.fsdecode(folder)
        if b"dubious ownership" in done.stderr:
            raise NotARepository(
                f"{where} belongs to somebody else, so git does not work in it.",
                f"If you trust what is in it: git config --global --add safe.directory {where}",
                status=done.returncode,
            )
        text = sentence(done.stderr, f"git rev-parse ended with status {done.returncode}")
        raise NotARepository(text, status=done.returncode)
    return done.stdout.removesuffix(b"\n")


def _make_private(directory: bytes) -> None:
    try:
        os.mkdir(directory, 0o700)
    except FileExistsError:
        os.chmod(directory, 0o700)
