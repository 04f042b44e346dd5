"""Content to and from a remote where no instep answers: what it lacks is given to it, what we lack is taken.

What it lacks is looked at once when it is reached, and when anybody's wishes change; then for each change
only. It is given what its preferred content says (and everything if that says nothing), as git-annex does.
Each content given is
verified and durable there before our git-annex branch says so (I11). Small content never waits for large.
"""

import errno
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio
from anyio.abc import TaskGroup

from instep.annex.branch import recorded_logs
from instep.annex.errors import AnnexError
from instep.annex.incoming import IncomingContent, TakenInElsewhere
from instep.annex.limits import MOST_STOCK_JOBS, bytes_per_s, jobs
from instep.annex.preferences import Preferences
from instep.core.errors import InstepError
from instep.core.keys import log_path, size_of
from instep.core.status import files, shown
from instep.core.tree import walk
from instep.core.types import Change, Entry, Key, RelPath, RemoteUuid
from instep.remotes.aside import Aside
from instep.remotes.stock import StockRemote
from instep.steps.copies import LARGE_BYTES
from instep.steps.download import Outcome
from instep.steps.mailbox import Mailbox
from instep.steps.pace import ThreadPace
from instep.steps.state import FolderState
from instep.steps.stoppable import run_stoppable
from instep.steps.wanted import Wanted

RETRY_S = 1.0
MOST_RETRY_S = 16.0
"""After a content that could not be given, the first time and the fifth and later."""
BUSY_S = 1.0
"""While somebody else takes the same content in."""
TAKE_ATTEMPTS = 3
"""How often a content is asked for that could not be had whole, each time from where it broke off."""
_FULL = (errno.ENOSPC, errno.EDQUOT)

Lacking = dict[Key, RelPath]


@dataclass
class Candidates:
    """What may be lacking there."""

    keys: Lacking = field(default_factory=Lacking)
    entries: dict[RelPath, Entry] = field(default_factory=dict[RelPath, Entry])
    """What the branch names at these paths since a while ago."""
    everything: bool = False
    """All that the branch names is to be looked at."""

    def put_back(self, older: "Candidates") -> None:
        """What was taken out before these came; the newer version of a path is the one that counts."""
        self.keys = older.keys | self.keys
        self.entries = older.entries | self.entries
        self.everything |= older.everything


class Giving:
    """What one remote's annex is to get."""

    def __init__(  # noqa: PLR0917
        self,
        state: FolderState,
        remote: StockRemote,
        name: str,
        aside: Aside,
        given: Callable[[RemoteUuid, Iterable[Key]], None],
        changed: Callable[[], None],
    ) -> None:
        self._state = state
        self._remote = remote
        self._name = name
        self._aside = aside
        self._given = given
        self._tell = changed
        self._pace = ThreadPace(lambda: bytes_per_s(state.repo.config, name, "upload"))
        self._candidates: Mailbox[Candidates] = Mailbox(Candidates)
        self._bells = {large: Mailbox[None](lambda: None) for large in (False, True)}
        self._lacking: Lacking = {}
        self._busy = True
        self._failed = ""
        self._failures = 0
        self._wishes: Preferences | None = None

    def came(self, key: Key, path: RelPath) -> None:
        """This content is here now."""
        self._candidates.content.keys[key] = path
        self._candidates.ring()

    def changed(self, changes: Iterable[Change]) -> None:
        """The branch names something else at these paths."""
        entries = {change.path: change.new for change in changes if change.new is not None}
        if entries:
            self._candidates.content.entries |= entries
            self._candidates.ring()

    def look_again(self) -> None:
        """It may lack other content than is known."""
        self._candidates.content.everything = True
        self._candidates.ring()

    def outstanding(self) -> list[str]:
        """What it lacks, and why. # I29"""
        found: list[str] = []
        if count := len(self._lacking):
            words = f"it lacks the content of {files(count)}"
            found.append(f"{words}: {self._failed}" if self._failed else words)
        elif self._busy or self._candidates.waiting:
            words = "it is being looked at what content it lacks"
            found.append(f"{words}: {self._failed}" if self._failed else words)
        if self._wishes is not None and self._wishes.problem:
            found.append(f"what it wants is not understood: {self._wishes.problem}")
        return found

    async def run(self, uuid: RemoteUuid) -> None:
        """Give, until cancelled. While git-annex there refuses, it is asked again, and git goes on. Raises
        InstepError or OSError when the remote can't be looked at for another reason."""
        self.look_again()
        async with anyio.create_task_group() as tasks:
            for large in self._bells:
                tasks.start_soon(self._give_all, large, tasks)
            refused = False
            while True:
                candidates = await self._candidates.take()
                self._busy = True
                try:
                    await self._look_at(uuid, candidates)
                except AnnexError as error:
                    self._candidates.content.put_back(candidates)
                    self._candidates.ring()
                    refused = True
                    await self._put_off(error.text)
                    continue
                self._busy = False
                if refused:
                    refused, self._failed, self._failures = False, "", 0
                self._tell()
                await self._rest()

    async def _look_at(self, uuid: RemoteUuid, candidates: Candidates) -> None:
        self._read_wishes(uuid)
        if candidates.everything:
            present, self._lacking = await self._aside.run(partial(self._compare, uuid), long=True)
            self._given(uuid, present)
        self._add(await self._aside.run(partial(self._lacking_of, candidates), long=True))

    async def _put_off(self, why: str) -> None:
        """To be tried again, the more seldom the longer it fails."""
        self._failed = why
        self._tell()
        await anyio.sleep(min(MOST_RETRY_S, RETRY_S * 2**self._failures))
        self._failures = min(self._failures + 1, 10)

    def _read_wishes(self, uuid: RemoteUuid) -> None:
        ours = self._state.preferences
        if ours is not None and (self._wishes is None or self._wishes.repositories != ours.repositories):
            self._wishes = ours.of(uuid)

    def _is_wanted(self, key: Key, path: RelPath) -> bool:
        return self._wishes is None or self._wishes.wants(key, path)

    def _add(self, lacking: Lacking) -> None:
        self._lacking |= lacking
        for bell in self._bells.values():
            bell.ring()

    def _compare(self, uuid: RemoteUuid) -> tuple[list[Key], Lacking]:
        """What the branch names and is there without our git-annex branch saying so, and what lacks there."""
        state = self._state
        recorded = recorded_logs(state.repo, uuid)
        present: dict[Key, None] = {}
        lacking: Lacking = {}
        for path, entry in walk(state.tree, state.repo.objects.tree):
            key = state.key_of(entry)
            if key is None or key in present or key in lacking:
                continue
            if self._remote.has(key):
                if log_path(key) not in recorded:
                    present[key] = None
            elif state.store.has(key) and self._is_wanted(key, path):
                lacking[key] = path
        return list(present), lacking

    def _lacking_of(self, candidates: Candidates) -> Lacking:
        state = self._state
        keys = ((state.key_of(entry), path) for path, entry in candidates.entries.items())
        all_ = {key: path for key, path in keys if key is not None} | candidates.keys
        return {
            key: path
            for key, path in all_.items()
            if state.store.has(key) and self._is_wanted(key, path) and not self._remote.has(key)
        }

    async def _give_all(self, large: bool, tasks: TaskGroup) -> None:
        """Small content one by one, and large as `annex.jobs` says."""
        going: set[Key] = set()
        while True:
            at_once = min(jobs(self._state.repo.config), MOST_STOCK_JOBS) if large else 1
            while len(going) < at_once and (key := self._next(large, going)) is not None:
                going.add(key)
                tasks.start_soon(self._give_one, key, going, self._bells[large])
            await self._bells[large].take()

    async def _give_one(self, key: Key, going: set[Key], bell: Mailbox[None]) -> None:
        if await self._give(key, self._lacking[key]):
            self._lacking.pop(key, None)
            self._failed, self._failures = "", 0
            self._tell()
            await self._rest()
        else:
            await self._put_off(self._failed)
        going.discard(key)
        bell.ring()

    async def _rest(self) -> None:
        if not self._lacking:
            await self._aside.run(self._remote.rest)

    def _next(self, large: bool, going: Container[Key]) -> Key | None:
        fitting = (key for key in self._lacking if key not in going and _is_large(key) == large)
        return min(fitting, key=lambda key: (size_of(key) or 0, key), default=None)

    async def _give(self, key: Key, path: RelPath) -> bool:
        """False: it is to be tried again."""
        state, remote = self._state, self._remote
        ident = f"{self._name}/gives/{shown(key)}"
        source = state.store.find(key)
        if source is None:  # dropped meanwhile
            return True

        def moved(done_bytes: int) -> None:
            state.board.transfer(
                ident,
                remote=self._name,
                path=shown(path),
                direction="send",
                done_bytes=done_bytes,
                total_bytes=size_of(key) or done_bytes,
            )

        def put(progress: Callable[[int], None]) -> bool:
            paced = self._pace.paced(progress)
            return remote.put(key, path, Path(source.decode(errors="surrogateescape")), paced)

        try:
            good = await run_stoppable(put, moved, aside=self._aside)
        except TakenInElsewhere:
            return False
        except (OSError, InstepError) as error:
            self._failed = error.text if isinstance(error, InstepError) else error.strerror or str(error)
            return False
        finally:
            state.board.transfer_done(ident)
        if good and remote.uuid is not None:
            self._given(remote.uuid, [key])
        elif not good:
            state.board.raise_condition("content-corrupt", shown(path), "the copy in this folder")
        return True


async def take(  # noqa: PLR0917
    state: FolderState,
    remote: StockRemote,
    aside: Aside,
    wanted: Wanted,
    moved: Callable[[], None],
    pace: ThreadPace,
) -> Outcome:
    """Take one key's content in, verified and durable. Raises OSError when our own disk is full."""
    work = partial(_take, state, remote, wanted.key, pace)

    def progressed(done_bytes: int) -> None:
        wanted.done_bytes = done_bytes
        moved()

    failures = 0
    while failures < TAKE_ATTEMPTS:
        try:
            return await run_stoppable(work, progressed, aside=aside)
        except TakenInElsewhere:
            await anyio.sleep(BUSY_S)
        except (InstepError, OSError) as error:
            if isinstance(error, OSError) and error.errno in _FULL:
                raise
            failures += 1
            await anyio.sleep(BUSY_S * failures)
    return Outcome.REFUSED


def _take(
    state: FolderState, remote: StockRemote, key: Key, pace: ThreadPace, progress: Callable[[int], None]
) -> Outcome:
    """All in one thread: what hangs there keeps its own files, and closes them when it is let go."""
    if not remote.has(key):
        return Outcome.REFUSED
    incoming = IncomingContent(state.repo.common_dir + b"/annex", key)
    try:
        if incoming.size_bytes:
            incoming.resume(progress)
        if not remote.get(incoming, pace.paced(progress, incoming.offset)):
            return Outcome.REFUSED
        if not incoming.finish():  # I11
            return Outcome.CORRUPT
        state.store.put_file(key, incoming.path)
        return Outcome.STORED
    finally:
        incoming.close()


def _is_large(key: Key) -> bool:
    size = size_of(key)
    return size is None or size >= LARGE_BYTES
