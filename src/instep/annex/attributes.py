"""`.gitattributes` lines that decide over annexing. instep does not evaluate them, but it has to notice them:
where one would decide, it says so and never guesses.
"""

import os
import re
from collections.abc import Iterator

from instep.git.repository import Repository

LARGE_FILES = "annex.largefiles"
BACKEND = "annex.backend"

_SETS = re.compile(rb"[\t ][-!]?(annex\.largefiles|annex\.backend)(?=[=\s]|$)")


def attributes_in(text: bytes) -> frozenset[str]:
    """Which of the two attributes a `.gitattributes` file mentions."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith(b"#"))
    return frozenset(found.decode() for line in lines for found in _SETS.findall(line))


def annex_attributes(repo: Repository) -> dict[str, str]:
    """Which of them the repository's attributes mention, each with the file that does.

    Looks at the tracked `.gitattributes` of the work tree and at the user's own files. Costs one git process.
    """
    mentioned: dict[str, str] = {}
    for path in _files(repo):
        try:
            with open(path, "rb") as file:
                text = file.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            continue
        for name in attributes_in(text):
            mentioned.setdefault(name, os.fsdecode(path))
    return mentioned


def _files(repo: Repository) -> Iterator[bytes]:
    if not repo.bare:
        listed = repo.run("ls-files", "-z", "--", ":(glob)**/.gitattributes")
        names = {b".gitattributes", *listed.split(b"\0")[:-1]}
        yield from (repo.root + b"/" + name for name in sorted(names))
    yield repo.common_dir + b"/info/attributes"
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    yield os.fsencode(repo.config.get_path("core.attributesFile") or os.path.join(home, "git", "attributes"))
