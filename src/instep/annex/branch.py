"""The git-annex branch: reading it, recording facts in it, uniting it with other repositories' branches.

The one who moves the branch holds the journal lock. A path that has a journal file is committed in the order
that is harmless wherever the process may die: first the journal file gets the new content, then the branch,
then the journal file goes (one left behind as it was would be staged over the branch by git-annex).
git-annex's own index of the branch is left alone: it takes our commits in when it next runs.
"""

import re
import time
from collections.abc import Callable, Iterable, Mapping

from instep.annex.errors import NotAnnexed
from instep.annex.journal import Journal
from instep.annex.unite import NewObjects, add_blob, add_commit, unite
from instep.core import branchlog
from instep.core.branchlog import union
from instep.core.commit import Commit, Signature
from instep.core.keys import log_path
from instep.core.tree import edit, lookup
from instep.core.types import MODE_EXEC, MODE_FILE, Key, Oid, RelPath, RemoteUuid
from instep.fs.crash import Point, passed
from instep.fs.durable import Batch
from instep.git.errors import RefMoved
from instep.git.identity import identity
from instep.git.refs import RefUpdate
from instep.git.repository import Repository

BRANCH = "refs/heads/git-annex"

CONFIG_LOG = RelPath(b"config.log")
UUID_LOG = RelPath(b"uuid.log")
PREFERRED_CONTENT_LOG = RelPath(b"preferred-content.log")

_ATTEMPTS = 20
_REASON = "instep"
_LOCATION_LOG = re.compile(rb"[0-9a-f]{3}/[0-9a-f]{3}/.+\.log", re.DOTALL)


class AnnexBranch:
    """One repository's git-annex branch. Safe to use from several threads; writers take turns.

    `clock` gives seconds since 1970; it dates facts and commits, and decides nothing (I20).
    """

    def __init__(self, repo: Repository, clock: Callable[[], float] = time.time) -> None:
        self._repo = repo
        self._store = repo.objects
        self._clock = clock
        self._journal = Journal(repo.common_dir + b"/annex", repo.sharing)

    # --- reading -------------------------------------------------------------------------------------

    def head(self) -> Oid | None:
        """The commit that the branch stands at; None in a repository without the branch."""
        return self._repo.refs.read(BRANCH)

    def read(self, path: RelPath) -> bytes:
        """A file of the branch, b"" if there is none. A journalled version hides the committed one."""
        journalled = self._journal.read(path)
        return self._blob(self._tree(self.head()), path) if journalled is None else journalled

    def locations(self, key: Key) -> dict[RemoteUuid, bool]:
        """Who has the content, and who is known not to; see `branchlog.locations`."""
        return branchlog.locations(self.read(log_path(key)))

    def config(self, name: str) -> str | None:
        """A setting that was made for all repositories with `git annex config`."""
        return branchlog.config_value(self.read(CONFIG_LOG), name)

    def descriptions(self) -> dict[RemoteUuid, str]:
        """What people call the repositories."""
        return branchlog.uuid_values(self.read(UUID_LOG))

    def preferred_content(self, uuid: RemoteUuid) -> str | None:
        """The preferred content expression of a repository; None if it has none."""
        return branchlog.uuid_values(self.read(PREFERRED_CONTENT_LOG)).get(uuid)

    # --- recording -----------------------------------------------------------------------------------

    def record(self, facts: Iterable[tuple[Key, RemoteUuid, bool]]) -> Oid | None:
        """Commits who has what (True) or has it no more (False), all in one commit; gives its id.

        None if all of it was known: restating writes nothing (I13). The caller has verified the facts, and
        the content is durable (I11). Raises NotAnnexed, GitError.
        """
        wanted: dict[RelPath, dict[RemoteUuid, bool]] = {}
        for key, uuid, present in facts:
            wanted.setdefault(log_path(key), {})[uuid] = present
        if not wanted:
            return None
        now = int(self._clock())

        def renew(path: RelPath, text: bytes) -> bytes:
            known = branchlog.set_locations(text, wanted[path], now)
            return text if known is None else known

        return self._write(lambda _: wanted, renew)

    def commit_journal(self) -> Oid | None:
        """Commits what git-annex processes left in the journal; gives the commit's id, None if nothing."""
        if not self._journal.paths():
            return None
        return self._write(lambda journalled: journalled, lambda _, text: text)

    def _write(
        self,
        choose: Callable[[frozenset[RelPath]], Iterable[RelPath]],
        renew: Callable[[RelPath, bytes], bytes],
    ) -> Oid | None:
        """Commits new versions of the chosen files; `choose` is told which ones are in the journal."""
        with self._journal.locked():
            for attempt in range(_ATTEMPTS):
                tip = self.head()
                if tip is None:
                    raise NotAnnexed(self._repo.root.decode(errors="replace"))
                tree = self._tree(tip)
                journalled = self._journal.paths()
                files: dict[RelPath, bytes] = {}
                settled: set[RelPath] = set()
                for path in choose(journalled):
                    committed = self._blob(tree, path)
                    text = committed
                    if path in journalled:
                        settled.add(path)
                        text = _with_journal(path, committed, self._journal.read(path) or b"")
                    new = renew(path, text)
                    if new != committed:
                        files[path] = new
                try:
                    return self._commit(tip, files, settled)
                except RefMoved:  # a push, which takes no lock
                    if attempt == _ATTEMPTS - 1:
                        raise
        return None

    def _commit(self, tip: Oid, files: Mapping[RelPath, bytes], settled: set[RelPath]) -> Oid | None:
        """One commit on `tip` with these files; then the journal files in `settled` have had their day."""
        if not files:
            self._journal.remove(settled)
            return None
        objects: NewObjects = {}
        changes = {path: add_blob(data, objects, self._repo.format) for path, data in files.items()}
        edited = edit(self._tree(tip), changes, self._store.tree, self._repo.format)
        objects |= edited.objects
        name, email = identity(self._repo.config)
        who = Signature(name, email, int(self._clock()), b"+0000")
        message = self._repo.config.get("annex.commitmessage") or "update"
        commit = Commit(edited.root, (tip,), who, who, message.encode(errors="surrogateescape") + b"\n")
        new = add_commit(commit, objects, self._repo.format)
        self._move(tip, new, objects, {path: files[path] for path in settled & files.keys()})
        passed(Point.LOCATIONS_COMMITTED)
        self._journal.remove(settled)
        return new

    # --- uniting -------------------------------------------------------------------------------------

    def merge(self, heads: Iterable[Oid], *, may_leave_merges: bool = False) -> Oid | None:
        """Takes other git-annex branches in; gives the branch's new commit, None if they held no news.

        Fast-forwards where it can, or (`may_leave_merges`) leaves merges for others (`git.supersede`).
        Otherwise the commit is a function of the heads alone: whoever unites the same ones makes the same
        commit (I14). The heads' objects must be here. Raises MissingObject, and
        MergeRefused where the history was rewritten or the repositories differ in kind: `git annex merge`.
        """
        heads = list(heads)
        if not heads:
            return None
        with self._journal.locked():
            for attempt in range(_ATTEMPTS):
                tip = self.head()
                all_heads = heads if tip is None else [tip, *heads]
                new, objects = unite(self._repo, all_heads, may_leave_merges=may_leave_merges)
                if new == tip:
                    return None
                try:
                    self._move(tip, new, objects, self._overtaken(tip, new))
                except RefMoved:
                    if attempt == _ATTEMPTS - 1:
                        raise
                else:
                    return new
        return None

    def _overtaken(self, tip: Oid | None, new: Oid) -> dict[RelPath, bytes]:
        """The journal files whose committed version changes: they would hide the news, so they get it too."""
        before, after = self._tree(tip), self._tree(new)
        files: dict[RelPath, bytes] = {}
        for path in self._journal.paths():
            committed = self._blob(after, path)
            if committed != self._blob(before, path):
                files[path] = _with_journal(path, committed, self._journal.read(path) or b"")
        return files

    # --- git -----------------------------------------------------------------------------------------

    def _move(self, old: Oid | None, new: Oid, objects: NewObjects, journal: Mapping[RelPath, bytes]) -> None:
        """Makes everything durable with one sync, then the journal files, then the branch (I10)."""
        with Batch(self._repo.staging) as batch:
            staged = [self._journal.stage(path, data, batch) for path, data in journal.items()]
            pending = self._store.stage(objects, batch)
            batch.sync()
            for file, target in staged:
                file.place(target)
                passed(Point.JOURNAL_PLACED)
            pending.place()
            if not batch.ordered:
                batch.sync_names()
        self._repo.refs.update([RefUpdate(BRANCH, new, old)], _REASON)

    def _tree(self, commit: Oid | None) -> Oid | None:
        return None if commit is None else self._store.commit(commit).tree

    def _blob(self, tree: Oid | None, path: RelPath) -> bytes:
        entry = lookup(tree, path, self._store.tree)
        if entry is None or entry.mode not in (MODE_FILE, MODE_EXEC):
            return b""
        return self._store.read(entry.oid).data


def _with_journal(path: RelPath, committed: bytes, journalled: bytes) -> bytes:
    """A journalled version, with the lines that came to the branch since it was written."""
    text = union(committed, journalled)
    return branchlog.compact(text) if _LOCATION_LOG.fullmatch(path) else text


def recorded_logs(repo: Repository, uuid: RemoteUuid) -> set[RelPath]:
    """The location logs that say of this repository that it has the content; by a git process, which takes a
    second for 100,000 of them. Lines that newer ones overrule count too: whoever asks looks for what is
    missing, and recording twice writes nothing."""
    pattern = f"^[0-9.]*s 1 {uuid}$"
    done = repo.git.result("grep", "-z", "--name-only", "-e", pattern, BRANCH, "--", "*.log")
    prefix = BRANCH.encode() + b":"
    return {RelPath(name.removeprefix(prefix)) for name in done.stdout.split(b"\0") if name}
