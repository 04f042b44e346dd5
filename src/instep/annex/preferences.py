"""Which content a repository wants to fetch. A snapshot; see `annex/repositories.py`."""

from dataclasses import dataclass

from instep.annex.branch import AnnexBranch
from instep.annex.repositories import read_repositories
from instep.core.expressions import MalformedExpression
from instep.core.preferred import Content, Repositories, Wants, preferred
from instep.core.types import Key, RelPath, RemoteUuid
from instep.git.config import Config


@dataclass(frozen=True)
class Preferences:
    """One repository's wish: everything if there is none, nothing new if it is not understood."""

    branch: AnnexBranch
    repositories: Repositories
    expression: Wants | None
    problem: str = ""

    @property
    def wants_everything(self) -> bool:
        """Whether it says nothing against any content."""
        return self.expression is None and not self.problem

    def does_without(self, key: Key, path: RelPath) -> bool:
        """Whether the file there is to have no content; what is not understood takes nothing away."""
        return not self.problem and not self.wants(key, path)

    def of(self, uuid: RemoteUuid) -> "Preferences":
        """What another repository wanted when this was read."""
        return _of(self.branch, self.repositories, uuid)

    def wants(self, key: Key, path: RelPath) -> bool:
        """Whether this content, which is not here, is to come for the file at this path."""
        if self.problem:
            return False
        if self.expression is None:
            return True
        there = self.branch.locations(key) if self.expression.needs_locations else {}
        held = frozenset(uuid for uuid, is_held in there.items() if is_held)
        return self.expression.wants(Content(key, path, held))


def read_preferences(branch: AnnexBranch, config: Config, uuid: RemoteUuid) -> Preferences:
    """What the repository wants now."""
    return _of(branch, read_repositories(branch, config), uuid)


def _of(branch: AnnexBranch, repositories: Repositories, uuid: RemoteUuid) -> Preferences:
    try:
        return Preferences(branch, repositories, preferred(repositories, uuid))
    except MalformedExpression as error:
        return Preferences(branch, repositories, None, str(error))
