"""What others push to this very repository: `git annex sync`, the assistant, a person.

The branch that is checked out can't be pushed to, so work comes to `synced/BRANCH`, and from who could not
push there to `refs/synced/UUID/BRANCH`; facts of git-annex come to `synced/git-annex` likewise. git does not
sync what it receives: it is made durable before anything is built on it (I10).
"""

import os

import anyio.to_thread

from instep.core.types import Oid
from instep.steps.state import FolderState

ORIGIN = "a push to this folder"
_OF_OTHERS = "refs/synced"


class PushedRefs:
    """Remembers what was taken in."""

    def __init__(self, state: FolderState) -> None:
        self._state = state
        self._taken: dict[str, Oid] = {}

    async def news(self) -> list[tuple[bool, Oid]]:
        """What came since the last call: whether it is of the git-annex branch, and the commit, durable."""
        found = self._refs()
        fresh = {ref: oid for ref, oid in found.items() if self._taken.get(ref) != oid}
        self._taken = found
        if fresh:
            await anyio.to_thread.run_sync(self._state.repo.sync)
        return [(ref.endswith("/git-annex"), oid) for ref, oid in fresh.items()]

    def _refs(self) -> dict[str, Oid]:
        """Read natively: this is asked after every change."""
        state = self._state
        refs = state.repo.refs
        names = {f"refs/heads/synced/{state.branch}", "refs/heads/synced/git-annex"}
        found = {name: oid for name in names if (oid := refs.read(name)) is not None}
        if os.path.isdir(os.path.join(state.repo.common_dir, os.fsencode(_OF_OTHERS))):
            wanted = (f"/{state.branch}", "/git-annex")
            found |= {name: oid for name, oid in refs.list(_OF_OTHERS).items() if name.endswith(wanted)}
        return found
