"""In whose name commits are made."""

import os
import re

from instep.git.config import Config

_NOT_IN_A_NAME = re.compile(r"[<>\n\0]")


def identity(config: Config) -> tuple[bytes, bytes]:
    """Name and e-mail address for the commits of this repository: what git is configured with, else
    `instep` and `instep@HOSTNAME`. Free of the characters that a commit object can't hold there."""
    name = _clean(config.get("user.name")) or "instep"
    email = _clean(config.get("user.email")) or f"instep@{_clean(os.uname().nodename) or 'localhost'}"
    return os.fsencode(name), os.fsencode(email)


def _clean(text: str | None) -> str:
    return _NOT_IN_A_NAME.sub("", text or "").strip(" .,:;\"'\\")
