"""How fast content moves to and from a remote, and how much of it at a time, as git-annex's settings say.

`annex.bwlimit-upload` and `-download` come before `annex.bwlimit`, and of one and the same setting what is
said of the remote (`remote.NAME.annex-bwlimit…`) before what is said of all, as git-annex was seen to do. An
amount is of bytes a second; one that is not understood limits nothing, and `faults` names it.
"""

import os
from collections.abc import Iterator
from typing import Literal

from instep.core import amounts
from instep.git.config import Config

Direction = Literal["upload", "download"]

MOST_JOBS = 64
MOST_STOCK_JOBS = 4
"""Where each needs a git-annex process of its own over there, and sshd allows ten at a time (MaxSessions)."""


def bytes_per_s(config: Config, remote: str, direction: Direction) -> int | None:
    """The limit for this remote; None: there is none."""
    for setting in (f"bwlimit-{direction}", "bwlimit"):
        for name in (f"remote.{remote}.annex-{setting}", f"annex.{setting}"):
            if (value := config.get(name)) is not None:
                return max(amounts.parse(value) or 0, 0) or None
    return None


def jobs(config: Config) -> int:
    """How many large contents are asked of one remote at a time (`annex.jobs`): one, unless it says more."""
    value = config.get("annex.jobs") or ""
    if value.strip().lower() in ("cpus", "cpu"):
        return min(os.cpu_count() or 1, MOST_JOBS)
    return min(max(int(value), 1), MOST_JOBS) if value.isdecimal() else 1


def faults(config: Config) -> Iterator[tuple[str, str]]:
    """The limits that are no amounts: name and value of each."""
    for name in (*config.names("annex.bwlimit"), *config.names("remote.")):
        value = config.get(name)
        is_limit = name.startswith("annex.") or ".annex-bwlimit" in name
        if is_limit and value is not None and amounts.parse(value) is None:
            yield name, value
