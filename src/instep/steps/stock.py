"""A remote where no instep answers, as long as it can be reached: refs both ways, by git.

What this session does is what `git annex sync` does, but at once: push the branch (to `BRANCH` itself only
where there is no work tree, to `synced/BRANCH` everywhere) and the git-annex branch (to `git-annex` itself
only where no server of git-annex holds a journal), forward only; take in
what others pushed there, merge, and push again. Who is overtaken again and again leaves its work under a name
that nobody else pushes to, as git-annex's assistant does. Changes there are heard of, never polled.
"""

import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Protocol

import anyio

from instep.annex.limits import bytes_per_s
from instep.core.rules import Rules
from instep.core.types import Change, Key, Oid, RelPath, RemoteUuid
from instep.git.travel import Pushed, Verdict
from instep.remotes.aside import Aside
from instep.remotes.errors import RemoteGone
from instep.remotes.stock import StockRemote
from instep.steps.arrival import Arrival
from instep.steps.download import Outcome
from instep.steps.mailbox import Mailbox
from instep.steps.pace import ThreadPace
from instep.steps.state import FolderState
from instep.steps.stock_content import Giving, take
from instep.steps.wanted import Wanted

ANNEX = "refs/heads/git-annex"
SYNCED_ANNEX = "refs/heads/synced/git-annex"
ATTEMPTS = 6
"""How often an overtaken push is tried again before it goes under a name of our own. # I19"""
AGAIN_S = 0.03
LATER_S = 20.0
"""After a push that did not get through, unless something is heard before."""


class StockHands(Protocol):
    """The steps that such a session hands work to. Called in the event loop; none of these blocks."""

    def arrived(self, arrival: Arrival) -> None:
        """A head of the branch came, to be merged."""
        ...

    def annex_arrived(self, arrival: Arrival) -> None:
        """A head of the git-annex branch came, to be united."""
        ...

    def annex_head(self) -> Oid | None:
        """Where our git-annex branch stands."""
        ...

    def stock_moved(self, session: "StockSession") -> None:
        """What is known of the remote changed."""
        ...

    def given(self, uuid: RemoteUuid, keys: Iterable[Key]) -> None:
        """The content of these keys is in that annex, verified and durable: it is to be recorded."""
        ...


class StockSession:
    """One such remote, as long as it can be used."""

    def __init__(  # noqa: PLR0917
        self,
        state: FolderState,
        remote: StockRemote,
        name: str,
        hands: StockHands,
        rules: Rules,
        aside: Aside,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.remote = remote
        self.name = name
        self.rules = rules
        self.aside = aside
        self.bell: Mailbox[None] = Mailbox(lambda: None)
        self.refused = ""
        """Why it did not take our branch, in git's words."""
        self._state = state
        self._hands = hands
        self._chance = chance
        self._there: dict[str, Oid] | None = None
        """Where its refs stand, as far as we know; None before the first look."""
        self._taken: dict[str, Oid] = {}
        """Where they stood when they were taken in."""
        self._look = True
        self._doubts: Mailbox[None] = Mailbox(lambda: None)
        self._answers_within_s = 0.0
        self._own_name = f"refs/synced/{state.uuid}/"
        self._pace = ThreadPace(lambda: bytes_per_s(state.repo.config, name, "download"))
        self._giving = Giving(state, remote, name, aside, hands.given, self._moved)

    async def run(self) -> None:
        """Work until cancelled. Raises InstepError or OSError when it can't be used any more."""
        failed: list[Exception] = []
        async with anyio.create_task_group() as tasks:

            async def until_failed(work: Callable[[], Awaitable[None]]) -> None:
                try:
                    await work()
                except Exception as error:  # to come out as it is, not in the group's wrapping
                    failed.append(error)
                    tasks.cancel_scope.cancel()

            tasks.start_soon(until_failed, self._listen)
            tasks.start_soon(until_failed, self._exchange)
            tasks.start_soon(until_failed, self._see_that_it_lives)
            if self._gives and (uuid := self.remote.uuid) is not None:
                tasks.start_soon(until_failed, lambda: self._giving.run(uuid))
        raise failed[0]

    @property
    def _gives(self) -> bool:
        return self.remote.uuid is not None and self.rules.content and self.rules.push

    async def _listen(self) -> None:
        while True:
            await self.remote.changed()
            self._look = True
            self.bell.ring()

    async def _exchange(self) -> None:
        self.bell.ring()
        remote = self.remote
        while True:
            with anyio.move_on_after(LATER_S if self.refused or self._is_behind else None) as later:
                await self.bell.take()
            if later.cancelled_caught:
                await self.aside.run(remote.check)
            await self._turn()

    def probe(self, within_s: float) -> None:
        """The way to it may be another one now: end unless it answers within this time. # I25"""
        self._answers_within_s = within_s
        self._doubts.ring()

    async def _see_that_it_lives(self) -> None:
        """When in doubt. What is to be pushed does not wait for that."""
        while True:
            await self._doubts.take()
            with anyio.move_on_after(self._answers_within_s) as limit:
                await self.aside.run(self.remote.check)
            if limit.cancelled_caught:
                raise RemoteGone("it does not answer any more")

    @property
    def _is_behind(self) -> bool:
        """Whether who keeps it has our work and has not merged it."""
        there = (self._there or {}).get(f"refs/heads/{self._state.branch}")
        return self.remote.follows and there != self._state.head

    def _moved(self) -> None:
        self._hands.stock_moved(self)

    # -- content --------------------------------------------------------------------------------------

    async def take(self, wanted: Wanted, moved: Callable[[], None]) -> Outcome:
        """Take one key's content from there."""
        return await take(self._state, self.remote, self.aside, wanted, moved, self._pace)

    def content_came(self, key: Key, path: RelPath) -> None:
        """This content is here now."""
        if self._gives:
            self._giving.came(key, path)

    def content_changed(self, changes: Iterable[Change]) -> None:
        """The branch names something else at these paths."""
        if self._gives:
            self._giving.changed(changes)

    def wishes_changed(self) -> None:
        """Somebody wants other content than before, perhaps this remote."""
        if self._gives:
            self._giving.look_again()

    # -- both ways ------------------------------------------------------------------------------------

    async def _turn(self) -> None:
        """Until it stands where we do, or does not let us."""
        for attempt in range(ATTEMPTS):
            if attempt:
                await anyio.sleep(AGAIN_S * 2**attempt * (0.5 + self._chance()))
            if self._look:
                self._look = False
                await self._take_in(await self.aside.run(self.remote.refs))
            overtaken = await self._push(self._moves())
            self._moved()
            if not overtaken:
                return
            for ref in overtaken:
                self._taken.pop(ref, None)
            self._look = True
        self.refused = "others push there all the time"
        await self._push(self._moves_aside(), forced=True)
        self._hands.stock_moved(self)

    def _moves(self) -> dict[str, Oid]:
        """The refs there that are to be moved to where we stand."""
        if not self.rules.push:
            return {}
        there = self._there or {}
        return {ref: oid for ref, oid in self._targets().items() if there.get(ref) != oid}

    def _targets(self) -> dict[str, Oid]:
        branch, head, annex = self._state.branch, self._state.head, self._hands.annex_head()
        targets: dict[str, Oid] = {}
        if head is not None:
            if self.remote.is_bare:
                targets[f"refs/heads/{branch}"] = head
            targets[f"refs/heads/synced/{branch}"] = head
        if annex is not None:
            targets[SYNCED_ANNEX] = annex
            if not self.remote.runs_annex:
                targets[ANNEX] = annex
        return targets

    def _moves_aside(self) -> dict[str, Oid]:
        """The same under names of our own, where nobody can be in the way."""
        heads = {self._state.branch: self._state.head, "git-annex": self._hands.annex_head()}
        there = self._there or {}
        moves = {self._own_name + name: oid for name, oid in heads.items() if oid is not None}
        return {ref: oid for ref, oid in moves.items() if there.get(ref) != oid}

    async def _push(self, moves: Mapping[str, Oid], *, forced: bool = False) -> list[str]:
        """Push; gives the refs that somebody else has moved."""
        if not moves:
            self.refused = ""
            return []
        remote = self.remote
        done = await self.aside.run(lambda: remote.push(moves, moves.keys() if forced else ()), long=True)
        there = self._there = self._there or {}
        moved = {ref: moves[ref] for ref, pushed in done.items() if pushed.verdict is Verdict.DONE}
        there |= moved
        self._taken |= moved  # nothing is new to us there
        if not forced:
            self.refused = self._refusal(done)
        return [ref for ref, pushed in done.items() if pushed.verdict is Verdict.OVERTAKEN]

    def _refusal(self, done: Mapping[str, Pushed]) -> str:
        refused = {ref: pushed for ref, pushed in done.items() if pushed.verdict is Verdict.REFUSED}
        return "; ".join(
            f"it does not take {ref.removeprefix('refs/heads/')}: {pushed.words}"
            for ref, pushed in sorted(refused.items())
        )

    async def _take_in(self, refs: dict[str, Oid]) -> None:
        """Bring what others pushed there, and return when it is merged."""
        self._there = refs
        news = {ref: oid for ref, oid in refs.items() if self._concerns(ref) and self._taken.get(ref) != oid}
        if not news or not self.rules.pull:
            return
        store, remote = self._state.repo.objects, self.remote
        strange = [ref for ref, oid in news.items() if not await anyio.to_thread.run_sync(store.has, oid)]
        if strange:
            await self.aside.run(lambda: remote.fetch(strange), long=True)
        answers: list[anyio.Event] = []
        for ref, oid in news.items():
            self._hand_on(ref, oid, answers)
        for answer in answers:
            await answer.wait()
        self._taken |= news

    def _concerns(self, ref: str) -> bool:
        """Whether work for our branch, or facts of git-annex, can be there."""
        branch = self._state.branch
        if ref.startswith("refs/synced/"):
            return ref.endswith((f"/{branch}", "/git-annex")) and not ref.startswith(self._own_name)
        return ref in (f"refs/heads/{branch}", f"refs/heads/synced/{branch}", ANNEX, SYNCED_ANNEX)

    def _hand_on(self, ref: str, oid: Oid, answers: list[anyio.Event]) -> None:
        is_annex = ref.endswith("/git-annex")
        if oid == (self._hands.annex_head() if is_annex else self._state.head):
            return
        answered = anyio.Event()
        answers.append(answered)

        def answer(outcome: str, reason: str) -> None:
            answered.set()

        arrival = Arrival(oid, self.name, answer=answer)
        (self._hands.annex_arrived if is_annex else self._hands.arrived)(arrival)

    # -- how it stands --------------------------------------------------------------------------------

    def outstanding(self) -> list[str]:
        """What keeps the remote from being where we are. # I29"""
        if self._there is None:
            return ["not looked at yet"]
        found = [self.refused] if self.refused else []
        if not found and self._moves():
            found.append("the newest changes are on their way")
        elif self._is_behind:
            found.append("it has not merged the newest changes yet")
        if self.rules.pull and any(
            self._taken.get(ref) != oid for ref, oid in self._there.items() if self._concerns(ref)
        ):
            found.append("what is new there is being taken in")
        return found + (self._giving.outstanding() if self._gives else [])
