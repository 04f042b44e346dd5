"""Whatever is at an address on another computer, as `instep up` sets it up: by instep, or without."""

from collections.abc import Callable

from instep.daemon.adopt import Described, Template
from instep.daemon.examine import Refused
from instep.daemon.far import FarSide
from instep.daemon.far_stock import FarStock
from instep.daemon.near import Running
from instep.remotes.dial import SshAddress
from instep.remotes.errors import NoInstepThere
from instep.remotes.ssh_program import SshProgram
from instep.remotes.ssh_trouble import no_instep


class SshSide:
    """Used by one thread at a time; `described` goes first, and finds out which of the two it is."""

    def __init__(self, address: SshAddress, program: Callable[[], SshProgram]) -> None:
        """Nothing is started yet."""
        self.place = address
        self._program = program
        self._side: FarSide | FarStock = FarSide(address, program)

    def described(self) -> Described:
        """What is there. Connects. Raises LinkError, Refused."""
        try:
            return self._side.described()
        except NoInstepThere as error:
            self._side.close()
            self._side = FarStock(self.place, self._program(), error)
            return self._side.described()
        except Refused:
            stock = FarStock(self.place, self._program(), no_instep(self.place))
            if not stock.is_bare():
                stock.close()
                raise
            self._side.close()
            self._side = stock
            return stock.described()

    def adopt(self, template: Template, description: str | None, *, thin: bool) -> str | None:
        """Make it one like the others; return its git-annex id, if it has one. Raises InstepError."""
        return self._side.adopt(template, description, thin=thin)

    def start(self, new_remotes: bool) -> Running:
        """Have its process run, where instep is."""
        return self._side.start(new_remotes)

    def close(self) -> None:
        """End the conversation."""
        self._side.close()
