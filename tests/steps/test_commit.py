"""The commit step around the committer: what it comes back to by itself."""

import errno
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
import pytest

from instep.steps.commit import CommitStep
from instep.steps.committer import Committed
from instep.steps.copies import LARGE_BYTES
from tests.steps.side import Side, p

pytestmark = pytest.mark.anyio


class Running:
    """A commit step at work in a folder where no watch tells it anything."""

    def __init__(self, side: Side) -> None:
        self.told: list[Committed] = []
        self._moved = anyio.Event()
        self.step = CommitStep(side.state, side.committer, self._tell, self._changed)

    def _tell(self, done: Committed) -> None:
        self.told.append(done)
        self.step.mind_gate()
        self.step.add(done.large)
        self._changed()

    def _changed(self) -> None:
        self._moved.set()
        self._moved = anyio.Event()

    async def until_idle(self) -> None:
        while not self.step.idle:
            await self._moved.wait()

    async def until_told(self, count: int) -> None:
        while len(self.told) < count:
            await self._moved.wait()


@asynccontextmanager
async def running(side: Side) -> AsyncGenerator[Running]:
    found = Running(side)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(found.step.run)
        await found.until_idle()
        yield found
        tasks.cancel_scope.cancel()


def fail(*_: object, **_named: object) -> Committed:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


async def test_a_closing_that_was_told_too_early_is_seen(a: Side) -> None:  # I1 I29
    fd = os.open(a.folder / "note", os.O_WRONLY | os.O_CREAT)
    os.write(fd, b"note")
    async with running(a) as at_work:
        at_work.step.put([p("note")])
        await at_work.until_told(1)
        assert at_work.step.still_open == {p("note")}
        assert not at_work.step.idle, "whoever waits is not told that all is recorded"
        os.close(fd)
        await at_work.until_idle()
        assert at_work.step.still_open == set()
    assert a.entry("note") is not None


async def test_a_file_that_stays_open_keeps_nobody_waiting(a: Side) -> None:  # I25 I28
    with (a.folder / "note").open("wb"):
        async with running(a) as at_work:
            at_work.step.put([p("note")])
            await at_work.until_told(1)
            await at_work.until_idle()
            assert at_work.step.still_open == {p("note")}
            assert len(at_work.told) <= 4


async def test_what_waits_for_the_writer_is_known_to_a_merge(a: Side) -> None:  # I5
    """Else a merge that finds one half of a move would commit it without the other."""
    a.write("e/one", "1")
    async with running(a) as at_work:
        at_work.step.put([p("nothing")])
        await at_work.until_told(1)
        async with a.state.writer:
            at_work.step.put([p("one")], [p("d")])
            await anyio.wait_all_tasks_blocked()
            assert not at_work.step.mailbox.waiting, "it was taken, and waits for the writer"

            def read() -> None:
                at_work.step.put((), [p("e")])

            seen = await anyio.to_thread.run_sync(at_work.step.seen, read)
            assert seen == {p("one"), p("d"), p("e")}
        await at_work.until_idle()
        assert await anyio.to_thread.run_sync(at_work.step.seen, lambda: None) == set()
    assert a.entry("e/one") is not None


async def test_a_merge_may_commit_while_the_step_has_failed(
    a: Side, monkeypatch: pytest.MonkeyPatch
) -> None:  # I8 I29
    """What it leaves to the step, a wave of deletions and a large file, is seen to when that goes on."""
    names = [f"{number}.txt" for number in range(20)]
    for name in names:
        a.write(name, f"{name}\n")
    a.commit()
    at_work = Running(a)
    at_work.step.put([p("20.txt")])
    with monkeypatch.context() as patch:
        patch.setattr(a.committer, "commit", fail)
        with pytest.raises(ExceptionGroup):
            await at_work.step.run()
    for name in names:
        (a.folder / name).unlink()
    a.write("film", bytes(LARGE_BYTES))
    done = a.commit(*names, "film")
    assert a.state.gate.is_undecided(a.state.tree)
    assert done.large
    at_work.step.mind_gate()
    at_work.step.add(done.large)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(at_work.step.run)
        await at_work.until_idle()
        tasks.cancel_scope.cancel()
    assert a.key("film")
    assert a.state.gate.held == {p(name) for name in names}
