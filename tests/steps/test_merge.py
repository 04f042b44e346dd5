"""The merge step around the merger: an edit that it met is merged too, whatever happens meanwhile."""

from collections.abc import Iterable

import anyio
import pytest

from instep.git.refs import RefUpdate
from instep.steps.merge import MergeStep
from instep.steps.merger import Merged
from tests.steps.side import Side, SideMaker, lag_behind

pytestmark = pytest.mark.anyio


async def at_work(side: Side, begin: str, other: Side) -> list[Merged]:
    """A merge step takes in what the other side has, and works until it is idle: what it told."""
    told: list[Merged] = []
    idle = anyio.Event()

    def changed() -> None:
        if step.idle:
            idle.set()

    step = MergeStep(side.state, side.merger, told.append, lambda _: None, changed)
    if begin == "arrived":
        step.arrived(side.arrival(other))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(step.run)
        await idle.wait()
        tasks.cancel_scope.cancel()
    return told


async def test_an_edit_met_on_the_way_while_somebody_moves_the_branch(
    a: Side, b: Side, monkeypatch: pytest.MonkeyPatch
) -> None:  # I1 I5 I27
    lag_behind(a, b)
    b.write("x", "mine\n")
    a.save("x", "theirs again\n")
    update, by_hand = b.state.repo.refs.update, ["commit"]

    def overtaken(updates: Iterable[RefUpdate], reason: str) -> None:
        if reason == "instep: merge" and by_hand:
            b.git(by_hand.pop(), "-q", "--allow-empty", "-m", "by hand")
        update(updates, reason)

    monkeypatch.setattr(b.state.repo.refs, "update", overtaken)
    told = await at_work(b, "arrived", a)
    assert not by_hand
    assert [fork for done in told for local in done.local for fork in local.forks] != []
    a.merge(b)
    assert sorted(b.files().values()) == sorted(a.files().values()) == [b"mine\n", b"theirs again\n"]
    b.fsck()


async def test_forks_of_one_file_are_merged_at_once(a: Side, b: Side) -> None:
    """An appender makes hundreds of them while its file lags."""
    lag_behind(a, b)
    for number in range(5):
        b.write("x", f"mine {number}\n")
        b.commit("x")
    assert len(b.state.forks) == 5
    told = await at_work(b, "started", a)
    assert len([done for done in told if done.head is not None]) == 1
    assert not b.state.forks
    assert not b.state.lag, "what lagged is put in place at once, now that its edits are merged"
    a.merge(b)
    assert sorted(a.files().values()) == [b"mine 4\n", b"theirs\n"]
    assert a.files() == b.files()


async def test_a_fork_of_the_process_before_is_merged(a: Side, b: Side, side: SideMaker) -> None:  # I1 I27
    lag_behind(a, b)
    b.write("x", "mine\n")
    b.commit("x")
    b.git("gc", "-q", "--prune=now")
    b = side("b")
    assert len(b.state.forks) == 1
    await at_work(b, "started", a)
    a.merge(b)
    assert sorted(a.files().values()) == [b"mine\n", b"theirs\n"]
    assert not side("b").state.forks
