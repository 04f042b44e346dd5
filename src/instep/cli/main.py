"""The entry point of `instep`: what is to be done before the command line is understood.

What understands it (`cli.verbs`) takes a while to load, and so does the process that `up` starts; so for the
plain `instep up DIR` that process is loaded at the same time.
"""

import gc
import sys
from contextlib import suppress
from io import TextIOWrapper

from instep.cli.wiring import Wiring
from instep.core.errors import InstepError

GARBAGE_OBJECTS = 50_000
"""How many objects come before garbage is looked for: more than it takes to load a verb, of which none is."""


def main(wiring: Wiring | None = None) -> None:
    """Ends the process."""
    gc.set_threshold(GARBAGE_OBJECTS)
    for stream in (sys.stdout, sys.stderr):  # names that are no UTF-8 are printed as the bytes that they are
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="surrogateescape")
    arguments, wiring = sys.argv[1:], wiring or Wiring()
    _load_ahead(arguments, wiring)
    from instep.cli.verbs import run  # noqa: PLC0415

    sys.exit(run(arguments, wiring))


def _load_ahead(arguments: list[str], wiring: Wiring) -> None:
    """Other ways to say it, with options or remotes, are left to the verb itself."""
    if len(arguments) != 2 or arguments[0] != "up" or arguments[1].startswith("-"):
        return
    from instep.daemon.places import resolve  # noqa: PLC0415

    with suppress(InstepError, OSError):
        wiring.launch().load_ahead(resolve(arguments[1]))
