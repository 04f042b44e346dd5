"""Which implementation of `StockRemote` is the one for a place where no instep answers."""

from pathlib import Path

from instep.daemon.reach import Place, Reach, look_at
from instep.remotes.aside import Aside
from instep.remotes.dial import SshAddress
from instep.remotes.kept import KeptRepository
from instep.remotes.local import LocalRepository
from instep.remotes.ssh_program import SshProgram
from instep.remotes.stock import StockRemote
from instep.remotes.stock_ssh import open_stock_ssh
from instep.steps.state import FolderState


def open_stock(  # noqa: PLR0917
    state: FolderState, root: Path, name: str, place: Place | SshAddress, aside: Aside, ssh: SshProgram
) -> StockRemote:
    """Open the remote of the folder at `root`. Blocks; raises what the implementations raise."""
    if isinstance(place, SshAddress):
        return open_stock_ssh(state.repo, state.uuid, name, place, ssh)
    if place.reach is Reach.BARE:
        return LocalRepository(state.repo, name, place.path, aside)

    def is_still_so() -> bool:
        return look_at(root, str(place.path)) == place

    follows = place.reach is Reach.ASSISTANT
    return KeptRepository(state.repo, name, place.path, aside, state.uuid, is_still_so, follows=follows)
