"""The status board: one setter per state, and each setter logs, counts and publishes, here and only here.

So log, numbers and screen never disagree. The board lives in the event loop: every method must be called
there (from a worker thread: `anyio.from_thread.run_sync`). It implements `steps.ports.Board`.

Publishing is a version number and one event: whoever watches keeps the status it saw last and compares,
so a slow reader misses nothing and no queue grows.
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import anyio
import msgspec

from instep.core.health import CONDITIONS
from instep.core.status import AttentionItem, RemoteStatus, Status, TransferStatus, honest, judge


class LogSink(Protocol):
    """Where lines of `instep log` go; must not block."""

    def append(self, event: str, text: str, facts: dict[str, object]) -> None: ...


class StatusBoard:
    """What is known of one folder. `folder` is its path as text; `clock` gives seconds since the epoch.

    Until `started` is called, "the start" is pending: a folder is never in step before it looked.  # I29
    """

    def __init__(self, folder: str, log: LogSink, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self.counts: Counter[str] = Counter()
        self.version = 1
        self._log = log
        self._clock = clock
        self._head: str | None = None
        self._activity: dict[str, str] = {}
        self._pending: dict[str, int] = {}
        self._starting = True
        self._remotes: dict[str, RemoteStatus] = {}
        self._transfers: dict[str, TransferStatus] = {}
        self._attention: dict[tuple[str, str], AttentionItem] = {}
        self._changed: anyio.Event | None = None
        self._seen: tuple[int, Status] | None = None

    # -- setters ------------------------------------------------------------------------------------

    def started(self) -> None:
        """The folder has looked at what is there and answers."""
        if self._starting:
            self._starting = False
            self._publish("started")

    def begin_anew(self) -> None:
        """Nothing of what was known holds any more; the folder will look again."""
        self._starting = True
        for facts in (self._activity, self._pending, self._remotes, self._transfers, self._attention):
            facts.clear()
        self._publish("anew")

    def head(self, commit: str | None) -> None:
        """The branch's commit id in hex; None: no commit yet."""
        if commit != self._head:
            self._head = commit
            self._publish("head")

    def activity(self, step: str, text: str | None) -> None:
        """What a step does right now, for the screen; None: idle. Says nothing about being in step."""
        if text is None:
            if self._activity.pop(step, None) is None:
                return
        elif self._activity.get(step) == text:
            return
        else:
            self._activity[step] = text
        self._publish("activity")

    def pending(self, what: str, count: int) -> None:
        """Work that is known and not done, as in ("changes to record", 12); 0 clears it."""
        if count == self._pending.get(what, 0):
            return
        if count:
            self._pending[what] = count
        else:
            del self._pending[what]
        self._publish("pending")

    def remote(self, name: str, **facts: object) -> None:
        """Facts of one remote, by the field names of `RemoteStatus`; those not named stay as they are."""
        old = self._remotes.get(name)
        base = old or RemoteStatus(name=name)
        new = msgspec.structs.replace(base, **facts)
        if new == old:
            return
        self._remotes[name] = new
        if new.reachable != base.reachable:
            text = f"{name} can be reached" if new.reachable else f"{name} can't be reached"
            self.log(
                "remote", text + (f": {new.reason}" if new.reason and not new.reachable else ""), remote=name
            )
        self._publish("remote")

    def remote_gone(self, name: str) -> None:
        """The remote is none of this folder's any more."""
        if self._remotes.pop(name, None) is not None:
            self._publish("remote")

    def transfer(
        self, ident: str, *, remote: str, path: str, direction: str, done_bytes: int, total_bytes: int
    ) -> None:
        """Progress of one transfer; `direction` is "send" or "receive"."""
        self._transfers[ident] = TransferStatus(
            ident=ident,
            remote=remote,
            path=path,
            direction=direction,
            done_bytes=done_bytes,
            total_bytes=total_bytes,
        )
        self._publish("transfer")

    def transfer_done(self, ident: str) -> None:
        """The transfer ended, well or not."""
        if self._transfers.pop(ident, None) is not None:
            self._publish("transfer-done")

    def raise_condition(self, code: str, subject: str = "", detail: str = "") -> None:
        """A declared condition holds (KeyError for one that is not declared). Again: new detail."""
        condition = CONDITIONS[code]
        old = self._attention.get((code, subject))
        text, fix = condition.sentence(subject, detail), condition.way_out(subject, detail)
        if old is not None and (old.text, old.fix) == (text, fix):
            return
        since = old.since if old else int(self._clock())
        self._attention[code, subject] = AttentionItem(
            code=code, severity=condition.severity, text=text, fix=fix, subject=subject, since=since
        )
        self.log(condition.severity, text, code=code, subject=subject, fix=fix)
        self._publish("condition")

    def clear_condition(self, code: str, subject: str = "") -> None:
        """The condition does not hold any more; nothing happens if it did not."""
        item = self._attention.pop((code, subject), None)
        if item is not None:
            self.log("cleared", f"Mended: {item.text}", code=code, subject=subject)
            self._publish("condition")

    def log(self, event: str, text: str, **facts: object) -> None:
        """One line of `instep log`: words for a person, facts for `--json`."""
        self.counts[f"log-{event}"] += 1
        self._log.append(event, text, facts)

    # -- readers ------------------------------------------------------------------------------------

    def status(self) -> Status:
        """What is so now; computed once per change."""
        if self._seen is None or self._seen[0] != self.version:
            self._seen = (self.version, self._compute())
        return self._seen[1]

    async def changed(self, after: int) -> int:
        """Wait until the board's version is past `after`; return the version now."""
        while self.version <= after:
            self._changed = self._changed or anyio.Event()
            await self._changed.wait()
        return self.version

    def _compute(self) -> Status:
        remotes = [honest(remote) for _, remote in sorted(self._remotes.items())]
        transfers = list(self._transfers.values())
        attention = sorted(
            self._attention.values(), key=lambda item: (item.severity, item.since, item.subject)
        )
        state, outstanding = judge(self._pending, remotes, transfers, attention)
        if self._starting:
            state = "attention" if state == "attention" else "syncing"
            outstanding = ["starting", *outstanding]
        return Status(
            folder=self.folder,
            in_step=state == "in step",
            state=state,
            head=self._head,
            remotes=remotes,
            transfers=transfers,
            attention=attention,
            outstanding=outstanding,
            activity=dict(self._activity),
        )

    def _publish(self, what: str) -> None:
        self.counts[what] += 1
        self.version += 1
        if self._changed is not None:
            self._changed.set()
            self._changed = None
