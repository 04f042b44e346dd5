"""Gathers what is known of one path, for `instep why`. Blocking: for a worker thread."""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from instep.annex.branch import AnnexBranch
from instep.annex.repositories import read_repositories
from instep.core.expressions import MalformedExpression
from instep.core.keys import size_of
from instep.core.preferred import Content, Repositories, Trust, preferred
from instep.core.status import AttentionItem, RemoteStatus, Status, shown
from instep.core.tree import lookup
from instep.core.types import Entry, Key, RelPath, RemoteUuid
from instep.core.why import Copy, Place, Why, explain
from instep.fs.read import Gone, identify
from instep.git.repository import Repository
from instep.steps.state import FolderState

HERE = "here"


def why(state: FolderState, branch: AnnexBranch, status: Status, path: RelPath) -> Why:
    """Where the content of the file at this path is, where it should be, and why it is not there."""
    entry = lookup(state.tree, path, state.repo.objects.tree)
    said = [item.text for item in status.attention if _is_about(item, path)]
    if entry is None or entry.is_tree:
        return _not_recorded(state, path, said)
    lag = state.lag.get(path)
    behind = "" if lag is None else f"the file here waits: {lag.detail or lag.cause}"
    key = state.key_of(entry)
    if key is None:
        return _in_git(state, entry, status.remotes, path, [*said, *([behind] if behind else [])])
    copies = _Copies(state, branch, status.remotes, key, path).all()
    places = [explain(copy, [other for other in copies if other is not copy], behind) for copy in copies]
    return Why(
        path=shown(path),
        kind="annexed",
        key=shown(key),
        size_bytes=size_of(key),
        places=places,
        reasons=said,
    )


def _in_git(
    state: FolderState, entry: Entry, remotes: Iterable[RemoteStatus], path: RelPath, reasons: list[str]
) -> Why:
    """It is wherever its commit is; which commits a copy has is what its status tells."""
    there = [Place(name=remote.name, uuid=remote.uuid, has=remote.in_step or None, reason=remote.reason)
             for remote in remotes]  # fmt: skip
    here = Place(name=HERE, uuid=state.uuid, has=True)
    size = None if entry.mode == 0o160000 else len(state.repo.objects.read(entry.oid).data)
    return Why(path=shown(path), kind="in git", size_bytes=size, places=[here, *there], reasons=reasons)


def _not_recorded(state: FolderState, path: RelPath, said: list[str]) -> Why:
    try:
        is_directory = identify(state.work_tree.root_fd, path).is_directory
    except Gone:
        return _nothing(path, said or ["there is no such file, here or recorded"])
    except OSError as error:
        said = said or [f"it can't be looked at: {error.strerror}"]
        return Why(path=shown(path), kind="not recorded", reasons=said)
    if is_directory:
        return _nothing(path, said or ["it is a directory: ask for a file in it"])
    if state.skip(path, False):
        said = [*said, _ignored_by(state.repo, path)]
    return Why(path=shown(path), kind="not recorded", reasons=said or ["it is about to be recorded"])


def _nothing(path: RelPath, reasons: list[str]) -> Why:
    return Why(path=shown(path), kind="nothing", reasons=reasons)


def _ignored_by(repo: Repository, path: RelPath) -> str:
    """The pattern that ignores it, as git tells it."""
    told = repo.run("check-ignore", "-v", "-z", "--stdin", input=path + b"\0", check=False).split(b"\0")
    if len(told) < 3:
        return "it is ignored"
    return f"it is ignored by the pattern {shown(told[2])} in {shown(told[0])}, line {shown(told[1])}"


def _is_about(item: AttentionItem, path: RelPath) -> bool:
    """Conditions name a path, or a directory above it."""
    place = PurePosixPath(shown(path))
    return bool(item.subject) and (item.subject == str(place) or PurePosixPath(item.subject) in place.parents)


class _Copies:
    """Every repository that is known to have the content, or is a remote of this one, or this one."""

    def __init__(
        self,
        state: FolderState,
        branch: AnnexBranch,
        remotes: Sequence[RemoteStatus],
        key: Key,
        path: RelPath,
    ) -> None:
        self._state = state
        config = state.repo.config
        uuids = [remote.uuid or config.get(f"remote.{remote.name}.annex-uuid") for remote in remotes]
        known = list(zip(uuids, remotes, strict=True))
        self._remotes = {uuid: remote for uuid, remote in known if uuid}
        self._nameless = [remote for uuid, remote in known if not uuid]
        self._names = branch.descriptions()
        self._locations = branch.locations(key)
        self._repositories: Repositories = read_repositories(branch, config)
        held = frozenset(uuid for uuid, has in self._locations.items() if has)
        self._content = Content(key, path, held)

    def all(self) -> list[Copy]:
        state = self._state
        others = [uuid for uuid in self._remotes if uuid != state.uuid]
        others += [uuid for uuid in self._content.locations if uuid not in (state.uuid, *others)]
        alive = [uuid for uuid in others if self._repositories.trust_of(RemoteUuid(uuid)) is not Trust.DEAD]
        unknown = [Copy(remote.name, "", None, True, trouble=remote.reason) for remote in self._nameless]
        return [self._here(), *(self._there(RemoteUuid(uuid)) for uuid in alive), *unknown]

    def _here(self) -> Copy:
        state = self._state
        wants, rule = self._wish(state.uuid)
        return Copy(HERE, state.uuid, state.store.has(self._content.key), wants, rule, is_here=True)

    def _there(self, uuid: RemoteUuid) -> Copy:
        remote, has = self._remotes.get(uuid), self._locations.get(uuid)
        wants, rule = self._wish(uuid)
        if remote is None:
            name = self._names.get(uuid) or uuid
            return Copy(name, uuid, has, wants, rule, "it is no remote of this folder")
        trouble = "" if remote.reachable else remote.reason
        return Copy(remote.name, uuid, has, wants, rule, trouble)

    def _wish(self, uuid: RemoteUuid) -> tuple[bool | None, str]:
        """Whether it should have the content, and its expression."""
        rule = self._repositories.wanted.get(uuid, "")
        try:
            wish = preferred(self._repositories, uuid)
        except MalformedExpression:
            return None, rule
        return wish is None or wish.wants(self._content), rule
