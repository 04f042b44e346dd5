"""One configured remote, and when it is tried: at once, then with growing pauses, and at once again when it
called or the network has changed."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio

from instep.core.retry import Backoff
from instep.core.rules import Rules
from instep.remotes.aside import Aside
from instep.remotes.link import Link

FIRST_TRY_S = 15.0
"""For how long it counts as being connected when nothing is known yet."""
OLD_TRY_S = 1.0
"""A try that has taken this long when the network changes is given up: what it sent went elsewhere, and is
sent again after 1 second, then after 2 more, then 4 (RFC 6298), which is longer than to begin anew."""
NEW_TRY_S = 5.0
"""So is one that began at a change of the network, after this time: addresses and routes come one by one.
Each one that is given up doubles it, for slow lines where networks of containers come and go all day."""
MOST_DOUBLINGS = 6


@dataclass
class Held:
    """A link in use; `ended` once nothing uses it any more. `farewell`: what the other side is told then."""

    link: Link
    name: str
    farewell: str = ""
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ended: anyio.Event = field(default_factory=anyio.Event)


@dataclass
class Exchange:
    """A session without a link in use; `ended` once nothing uses it any more."""

    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ended: anyio.Event = field(default_factory=anyio.Event)


@dataclass
class Remote:
    """One configured remote. `tried`: whether it is known if it can be reached. `is_at_path`: on this
    computer, be it on a drive that comes and goes."""

    name: str
    url: str
    rules: Rules
    wake: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    uuid: str | None = None
    tried: bool = False
    is_at_path: bool = False
    aside: Aside = field(default_factory=Aside)
    exchange: Exchange | None = None
    old_try_s: float = OLD_TRY_S
    new_try_s: float = NEW_TRY_S
    _anew: bool = False
    _began_anew: bool = False
    _given_up: int = 0
    _trying: anyio.CancelScope | None = None
    _trying_since_s: float = 0.0

    async def keep(self, work: Callable[[], Awaitable[bool]], told: Callable[[], None]) -> None:
        """Do `work` for ever, which is True if it went well for a while. `told`: `tried` has changed."""
        with self.scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._not_for_ever, told)
                await self._keep(work, told)

    def network_changed(self) -> None:
        """Try again now, and from then on as often as at first."""
        self._anew = True
        self.wake.set()
        doublings = min(max(self._given_up - 1, 0), MOST_DOUBLINGS)
        patience_s = self.new_try_s * 2.0**doublings if self._began_anew else self.old_try_s
        if self._trying is not None and anyio.current_time() - self._trying_since_s >= patience_s:
            self._trying.cancel()

    def has_been_tried(self, told: Callable[[], None]) -> None:
        """It is known now whether it can be reached."""
        if not self.tried:
            self.tried = True
            told()

    async def _keep(self, work: Callable[[], Awaitable[bool]], told: Callable[[], None]) -> None:
        backoff, attempt = Backoff(), 0
        while True:
            self.wake = anyio.Event()
            self._trying_since_s = anyio.current_time()
            with anyio.CancelScope() as self._trying:
                attempt = 0 if await work() else attempt + 1
            self._given_up = self._given_up + 1 if self._trying.cancelled_caught else 0
            self._trying = None
            self.has_been_tried(told)
            with anyio.move_on_after(backoff.delay_s(attempt, random.random())):
                await self.wake.wait()
            self._began_anew, self._anew = self._anew, False
            if self._began_anew:
                attempt = 0

    async def _not_for_ever(self, told: Callable[[], None]) -> None:
        """A host that does not even refuse keeps nobody waiting. # I25"""
        await anyio.sleep(FIRST_TRY_S)
        self.has_been_tried(told)
