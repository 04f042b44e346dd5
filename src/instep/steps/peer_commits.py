"""What commits a peer has: the newest ones, as far as it said so itself or we sent them."""

from collections import OrderedDict
from collections.abc import Sequence

from instep.core.types import Oid

REMEMBERED = 512


class PeerCommits:
    """One peer's. A commit is *durable* there once the peer said so (I10): what is on its way to it, or is
    held by it in memory, will be there for what is sent next, but its git can't build on it yet."""

    def __init__(self) -> None:
        self._found: OrderedDict[Oid, bool] = OrderedDict()

    def __contains__(self, oid: Oid) -> bool:
        return oid in self._found

    def note(self, oid: Oid | None, *, durable: bool) -> None:
        """The peer has it, or will have when it has taken in what is on its way."""
        if oid is None:
            return
        self._found[oid] = durable or self._found.get(oid, False)
        self._found.move_to_end(oid)
        if len(self._found) > REMEMBERED:
            self._found.popitem(last=False)

    def forget(self, oid: Oid) -> None:
        """It does not have it after all."""
        self._found.pop(oid, None)

    def all(self) -> Sequence[Oid]:
        """What the next move can build on."""
        return tuple(self._found)

    def durable(self) -> Sequence[Oid]:
        """What a pack can build on."""
        return tuple(oid for oid, durable in self._found.items() if durable)
