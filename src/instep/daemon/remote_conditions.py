"""Which health condition an error of a remote's connection is: of these one at most holds for a remote."""

from instep.daemon.troubles import Conditions
from instep.remotes.errors import LinkError, NeedsPerson, NoInstepThere

CONNECTION_CONDITIONS = (
    "remote-refused",
    "no-instep-there",
    "ssh-host-unknown",
    "ssh-host-changed",
    "ssh-not-let-in",
    "ssh-unusable",
)
LACKS = ("remote-without-annex", "remote-without-annex-shell")


def show_connected(board: Conditions, name: str) -> None:
    """A link is open. What the remote does over it is another matter: that it was refused stays said until
    the link has lasted."""
    for code in CONNECTION_CONDITIONS:
        if code != "remote-refused":
            board.clear_condition(code, name)


def show_lack(board: Conditions, name: str, code: str) -> None:
    """Why a remote takes no content; "" if it takes some, or if nobody minds."""
    for other in LACKS:
        if other != code:
            board.clear_condition(other, name)
    if code:
        board.raise_condition(code, name)


def show_trouble(board: Conditions, name: str, error: LinkError | None) -> None:
    """The condition of this error holds for the remote now, and no other of them; None: none does."""
    code, detail = "", ""
    match error:
        case NeedsPerson():
            code, detail = error.condition, error.detail
        case NoInstepThere():
            code, detail = "no-instep-there", error.text
        case LinkError():
            code, detail = "remote-refused", error.text
        case None:
            pass
    for other in CONNECTION_CONDITIONS:
        if other != code:
            board.clear_condition(other, name)
    if code:
        board.raise_condition(code, name, detail)
