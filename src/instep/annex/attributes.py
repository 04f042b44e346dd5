"""The attributes that decide how a file is added: `annex.largefiles` and `annex.backend`.

As `git annex add` takes them (checked): an empty `annex.largefiles` says nothing; nor does an empty, set or
unset `annex.backend`. What is not understood is said, and nothing guessed.
"""

from instep.annex import magic
from instep.annex.errors import SettingError
from instep.core import keys
from instep.core.matching import MalformedExpression, Matcher
from instep.core.status import shown
from instep.core.types import RelPath
from instep.git.attributes import Attributes, Setting
from instep.git.repository import Repository

LARGE_FILES = "annex.largefiles"
BACKEND = "annex.backend"


class AnnexAttributes:
    """One repository's attributes, by path. Safe to use from several threads."""

    def __init__(self, repo: Repository) -> None:
        self._attributes = Attributes(repo, frozenset({LARGE_FILES, BACKEND}))
        self._root = repo.root
        self._matchers: dict[str, Matcher] = {}

    def forget(self) -> None:
        """Reads everything again when next asked: a file of attributes changed."""
        self._attributes.forget()

    def large_files(self, path: RelPath) -> Matcher | None:
        """What decides whether this file is large, if an attribute does. Raises SettingError."""
        setting = self._get(path, LARGE_FILES)
        if setting is None or not setting.value:
            return None
        matcher = self._matchers.get(setting.value)
        if matcher is None:
            try:
                matcher = magic.parse(setting.value)
            except MalformedExpression as error:
                raise self._error(LARGE_FILES, setting.file, str(error)) from None
            self._matchers[setting.value] = matcher
        return matcher

    def backend(self, path: RelPath) -> str | None:
        """The backend that is to make this file's key, if an attribute names one. Raises SettingError."""
        setting = self._get(path, BACKEND)
        if setting is None or setting.value in (None, "", "set", "unset"):
            return None
        if keys.hash_name(setting.value) is None:
            text = f"instep can't make keys of the backend {setting.value}"
            raise self._error(BACKEND, setting.file, text)
        return setting.value

    def _get(self, path: RelPath, name: str) -> Setting | None:
        setting = self._attributes.get(path, name)
        for file in self._attributes.macros:
            raise self._error(name, file, "a macro ([attr]) sets it")
        return setting

    def _error(self, name: str, file: bytes, text: str) -> SettingError:
        where = shown(file.removeprefix(self._root + b"/"))
        return SettingError(f"{name} in {where}", text, f"Change the attribute {name} in {where}")
