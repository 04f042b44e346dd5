"""Making a repository a git-annex one, and whether instep can work with it as it is configured."""

import os
from collections.abc import Iterator

from instep.annex.errors import NotAnnexed, Unsupported
from instep.annex.launcher import find_launcher
from instep.core.types import RemoteUuid
from instep.git.config import Config
from instep.git.errors import GitError
from instep.git.identity import identity
from instep.git.repository import Repository

_VERSIONS = range(8, 11)
_TUNES = "annex.tune."


def initialise(repo: Repository, description: str) -> RemoteUuid:
    """Makes it a git-annex repository (or describes one anew); gives its uuid.

    Commits to the git-annex branch are made in the name of `identity`. Raises AnnexError with git-annex's own
    reason.
    """
    run_annex(repo, "init", description)
    repo.config.reload()
    return uuid_of(repo)


def set_config(repo: Repository, name: str, value: str) -> None:
    """Makes a setting for all repositories that this one is connected with (`git annex config`)."""
    run_annex(repo, "config", "--set", name, value)


def run_annex(repo: Repository, *args: str | bytes, input: bytes = b"") -> bytes:
    """Runs a git-annex command in the repository to its end; gives its output. Raises AnnexError.

    git-annex would write a name into the configuration where git has none; it gets ours instead.
    """
    name, email = map(os.fsdecode, identity(repo.config))
    names = {f"GIT_{role}_NAME": name for role in ("AUTHOR", "COMMITTER")}
    names |= {f"GIT_{role}_EMAIL": email for role in ("AUTHOR", "COMMITTER")}
    return find_launcher().run(repo.root, *args, input=input, environment=names)


def uuid_of(repo: Repository) -> RemoteUuid:
    """The repository's own uuid. Raises NotAnnexed."""
    uuid = repo.config.get("annex.uuid")
    if not uuid:
        raise NotAnnexed(os.fsdecode(repo.root))
    return RemoteUuid(uuid)


def check_supported(repo: Repository) -> list[Unsupported]:
    """What keeps instep from working with an initialised repository; empty if nothing. Each can be raised."""
    return [Unsupported(text, fix) for text, fix in _objections(repo.config, repo.refs.head_branch())]


def _objections(config: Config, branch: str | None) -> Iterator[tuple[str, str]]:
    version = config.get("annex.version") or ""
    if not version.isdecimal() or int(version) not in _VERSIONS:
        text = f"git-annex's repository version is {version or 'not set'}; instep works with 8 to 10."
        newer = version.isdecimal() and int(version) > max(_VERSIONS)
        yield text, "Update instep." if newer else "Run: git annex upgrade"
    if _is_on(config, "annex.pidlock"):
        yield (
            "annex.pidlock is set: git-annex's fine-grained locks, which instep needs, are off.",
            "On a filesystem with POSIX locks: git config --unset annex.pidlock",
        )
    if any(_is_on(config, name) for name in config.names(_TUNES)):
        yield (
            "The repository was made with annex.tune settings, which change where git-annex keeps things.",
            "Move the files to a new folder without them.",
        )
    if _is_on(config, "annex.private"):
        yield (
            "annex.private is set: what this repository holds must not become known, but instep tells.",
            "Let it be known: git config --unset annex.private",
        )
    if branch is not None and branch.startswith("adjusted/"):
        yield (
            f"{branch} is an adjusted branch, which instep can't commit to yet.",
            "Leave it: git switch " + branch.removeprefix("adjusted/").rpartition("(")[0],
        )


def _is_on(config: Config, name: str) -> bool:
    try:
        return config.get_bool(name)
    except GitError:
        return True  # not a boolean, but certainly not off
