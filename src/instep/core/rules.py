"""What a person has said about a remote, in git-annex's own settings (`remote.NAME.annex-…`)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be done with one remote."""

    paused: bool = False
    """`annex-sync = false`: it is left alone."""
    push: bool = True
    """Nothing is pushed or stored with `annex-readonly = true` or `annex-push = false`."""
    pull: bool = True
    """Nothing is fetched with `annex-pull = false`."""
    content: bool = True
    """No content moves with `annex-ignore = true`."""
