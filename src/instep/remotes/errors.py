"""What can go wrong between two folders. The text of each error is a sentence that a person reads.

Light: the command line loads this before anything else.
"""

from instep.core.errors import InstepError


class LinkError(InstepError):
    """A link cannot be opened or has ended. `usual_fix`: what to do next, unless the raiser knows better."""

    usual_fix: str = ""

    def __init__(self, text: str, fix: str = "") -> None:
        super().__init__(text, fix or self.usual_fix)


class ProtocolError(LinkError):
    """The other side sent something that the protocol does not allow. The link must be closed."""

    usual_fix = "See that both computers run a current instep; if they do, please report this."


class PeerGone(LinkError):
    """The connection ended or fell silent. Worth another try at once, then with pauses."""


class Refused(LinkError):
    """The other side closed the link before it was open, and said why."""


class Incompatible(LinkError):
    """There is no protocol version that both sides speak."""

    usual_fix = "Update the older instep."


class OtherFormat(LinkError):
    """The two repositories name their objects by different hashes."""

    usual_fix = "Use a copy whose repository was made with the same object format."


class SamePeer(LinkError):
    """The other side is the very same repository."""

    usual_fix = "Give the address of another copy of the folder."


class NotRunning(LinkError):
    """No instep process serves the folder."""

    usual_fix = "Start it with `instep up`."


class FarRefused(LinkError):
    """The far end says no: there is no such folder, say."""


class Stopped(LinkError):
    """A person stopped the folder's process over there."""


class NoInstepThere(LinkError):
    """The other computer answers, but has no instep."""


class NeedsPerson(LinkError):
    """ssh needs somebody at a keyboard. `condition`: the code of the health condition; `detail`: what fills
    its blank, mostly the command to run."""

    def __init__(self, condition: str, text: str, detail: str) -> None:
        super().__init__(text, f"Do it once by hand: {detail}")
        self.condition = condition
        self.detail = detail


class BadAddress(LinkError):
    """The text is no address of a folder that instep takes."""

    usual_fix = "Give a path, host:path, user@host:path or ssh://host/path."


class UnsafeDirectory(LinkError):
    """The directory for sockets or state is somebody else's, or is no directory."""

    usual_fix = "Remove it or set XDG_RUNTIME_DIR to a directory of your own."


class DoesNotAnswer(InstepError):
    """A file system does not answer: an unplugged drive, a server that is gone."""

    def __init__(self) -> None:
        super().__init__("its disk does not answer", "Unmount it, or bring it back.")


class RemoteGone(InstepError):
    """A repository that was there is not there any more, or not to be used."""
