"""git-annex's settings that decide how a file is added: to git or the annex, under which key, locked or not.

What decides, first to last (as `git annex add` does, checked): for `annex.largefiles` the git configuration,
`.gitattributes`, config.log; for `annex.backend` `.gitattributes`, the git configuration; for
`annex.dotfiles` and `annex.addunlocked` the git configuration, config.log. A snapshot, but for the attributes
(they `forget`): read it again when one of these changed.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from instep.annex import magic
from instep.annex.attributes import BACKEND, LARGE_FILES, AnnexAttributes
from instep.annex.branch import AnnexBranch
from instep.annex.errors import SettingError
from instep.core import amounts, keys, matching
from instep.core.keys import DEFAULT_BACKEND, Hasher
from instep.core.matching import MalformedExpression, Matcher, Mime, UnknownTerm
from instep.core.rules import Rules
from instep.core.types import Key, RelPath
from instep.git.config import Config
from instep.git.errors import GitError
from instep.git.repository import Repository

ADD_UNLOCKED = "annex.addunlocked"
DOTFILES = "annex.dotfiles"
DISK_RESERVE = "annex.diskreserve"
DEFAULT_DISK_RESERVE_BYTES = 100_000_000

_TRUE = frozenset({"true", "yes", "on"})
_FALSE = frozenset({"false", "no", "off", ""})
_EVERYTHING = matching.parse("anything")
_NOTHING = matching.parse("nothing")


@dataclass(frozen=True, slots=True)
class LargeFiles:
    """Which files go into the annex; the others go into git."""

    own: Matcher | None
    """What the git configuration says, which wins."""
    attributes: AnnexAttributes
    shared: Matcher
    dotfiles: bool
    """Whether files and those in directories whose name begins with a dot are asked about at all; if not,
    they go into git."""

    def __call__(self, path: RelPath, size: int, mime: Callable[[], Mime] | None = None) -> bool:
        if not self.dotfiles and (path.startswith(b".") or b"/." in path):
            return False
        matcher = self.own or self.attributes.large_files(path) or self.shared
        return matcher.matches(path, size, mime)


@dataclass(frozen=True, slots=True)
class AnnexSettings:
    """All that adding a file needs to know."""

    large_files: LargeFiles
    add_unlocked: Matcher
    attributes: AnnexAttributes
    backend: str
    """Where no attribute names another."""
    thin: bool
    max_extension_length: int
    """In bytes."""
    max_extensions: int
    disk_reserve_bytes: int
    """What stays free on the disk."""
    trouble: SettingError | None = None
    """A setting that was changed to something that is not understood: what it decides is not decided."""

    def annexes(self, path: RelPath, size: int, mime: Callable[[], Mime] | None = None) -> bool:
        """Whether a new file at this path, of this size in bytes, goes into the annex; `mime` looks into it,
        if that is asked. Raises SettingError if what a setting or an attribute says is not understood; so do
        `new_hash` and `key`."""
        self._check()
        return self.large_files(path, size, mime)

    def unlocks(self, path: RelPath, size: int) -> bool:
        """Whether a new annexed file stays an ordinary file rather than becoming a symlink."""
        return self.add_unlocked.matches(path, size)

    def _check(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    def backend_of(self, path: RelPath) -> str:
        """The backend that makes the key of a file at this path."""
        self._check()
        return self.attributes.backend(path) or self.backend

    def new_hash(self, path: RelPath) -> Hasher:
        """A fresh hash, of the kind that the backend of a file at this path takes."""
        return keys.new_hash(keys.hash_name(self.backend_of(path)) or "")

    def key(self, size: int, hexdigest: str, path: RelPath) -> Key:
        """The key of a content with this size in bytes and digest that was found at `path`."""
        return keys.make_key(
            self.backend_of(path),
            size,
            hexdigest,
            path,
            max_length=self.max_extension_length,
            max_count=self.max_extensions,
        )


def read_settings(repo: Repository, branch: AnnexBranch) -> AnnexSettings:
    """The settings that hold now. Raises SettingError for one that is not understood."""
    config, attributes = repo.config, AnnexAttributes(repo)
    shared = {name: branch.config(name) for name in (LARGE_FILES, DOTFILES, ADD_UNLOCKED)}
    own, everybodys = config.get(LARGE_FILES), shared[LARGE_FILES]
    return AnnexSettings(
        large_files=LargeFiles(
            None if own is None else _parse(LARGE_FILES, own),
            attributes,
            _EVERYTHING if everybodys is None or own is not None else _parse(LARGE_FILES, everybodys),
            _dotfiles(config, shared),
        ),
        add_unlocked=_add_unlocked(config, shared),
        attributes=attributes,
        backend=_backend(config),
        thin=_boolean(config.get("annex.thin")) or False,
        max_extension_length=_number(config.get("annex.maxextensionlength"), 4),
        max_extensions=_number(config.get("annex.maxextensions"), 2),
        disk_reserve_bytes=disk_reserve_bytes(config),
    )


def remote_rules(config: Config, name: str) -> Rules:
    """What is said of one remote (`remote.NAME.annex-…`); what is no boolean says nothing."""

    def says(setting: str, default: bool) -> bool:
        try:
            return config.get_bool(f"remote.{name}.annex-{setting}", default)
        except GitError:
            return default

    return Rules(
        paused=not says("sync", True),
        push=says("push", True) and not says("readonly", False),
        pull=says("pull", True),
        content=not says("ignore", False),
    )


def _dotfiles(config: Config, shared: Mapping[str, str | None]) -> bool:
    own = config.get(DOTFILES)
    return _boolean(shared.get(DOTFILES) if own is None else own) or False


def _add_unlocked(config: Config, shared: Mapping[str, str | None]) -> Matcher:
    own = config.get(ADD_UNLOCKED)
    value = shared.get(ADD_UNLOCKED) if own is None else own
    plain = False if value is None else _boolean(value)
    if plain is None and value is not None:
        return _parse(ADD_UNLOCKED, value)
    return _EVERYTHING if plain else _NOTHING


def _backend(config: Config) -> str:
    words = (config.get("annex.backends") or "").split()
    name = config.get(BACKEND) or (words[0] if words else DEFAULT_BACKEND)
    if keys.hash_name(name) is None:
        raise SettingError(
            BACKEND,
            f"instep can't make keys of the backend {name}, which {BACKEND} asks for.",
            f"Choose one of the SHA, MD5 or BLAKE2 ones: git config {BACKEND} {DEFAULT_BACKEND}",
        )
    return name


def disk_reserve_bytes(config: Config) -> int:
    """What is to stay free on the repository's disk. Raises SettingError."""
    value = config.get(DISK_RESERVE)
    if value is None:
        return DEFAULT_DISK_RESERVE_BYTES
    found = amounts.parse(value)
    if found is None:
        raise SettingError(
            DISK_RESERVE,
            f"{DISK_RESERVE} is no amount of bytes: {value}",
            f"Write it like this: git config {DISK_RESERVE} '100 MB'",
        )
    return found


def _parse(setting: str, expression: str) -> Matcher:
    try:
        matcher = magic.parse(expression)
        if matcher.needs_mime and setting != LARGE_FILES:  # nobody looks into the content for it
            raise UnknownTerm(expression, "mimetype= or mimeencoding=")
        return matcher
    except MalformedExpression as error:
        fix = f"Change it: git config {setting} EXPRESSION, or git annex config --set {setting} EXPRESSION"
        raise SettingError(setting, f"{setting}: {error}", fix) from None


def _boolean(value: str | None) -> bool | None:
    """A boolean as git-annex reads one; None for anything else."""
    word = (value or "").lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    return int(word) != 0 if re.fullmatch(r"-?[0-9]{1,9}", word) else None


def _number(value: str | None, default: int) -> int:
    """A number as git-annex reads this kind: the digits in front, else the default."""
    found = re.match(r"\s*(-?[0-9]{1,9})", value or "")
    return int(found[1]) if found else default
