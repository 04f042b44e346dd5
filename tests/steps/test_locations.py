"""What is recorded of where content is: only what is stored, once, and united with what others know."""

from dataclasses import replace

import anyio
import pytest

from instep.annex.branch import BRANCH, AnnexBranch
from instep.core.types import Key, Object, Oid
from instep.steps.arrival import Arrival
from instep.steps.locations import LocationStep, News
from tests.steps.side import Side, big

pytestmark = pytest.mark.anyio


class Recording:
    """The step of one side, and how often it said that the branch moved."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.moves = 0
        self.answers: list[str] = []
        self.step = LocationStep(side.state, side.opened.annex_branch, self._moved)

    def _moved(self) -> None:
        self.moves += 1

    def _answer(self, outcome: str, reason: str) -> None:
        self.answers.append(outcome)

    @property
    def branch(self) -> AnnexBranch:
        return self.side.opened.annex_branch

    async def take(self, *keys: Key, arrival: Arrival | None = None) -> None:
        """One turn."""
        arrivals: list[Arrival] = []
        if arrival is not None:
            arrivals = [replace(arrival, answer=self._answer)]
        await self.step._turn(News([(key, self.side.state.uuid) for key in keys], arrivals))  # pyright: ignore[reportPrivateUsage]


def sent(side: Side) -> Arrival:
    """The newest commit of the git-annex branch, raw."""
    head = side.opened.annex_branch.head()
    assert head is not None
    objects: dict[Oid, Object] = {}
    for line in side.git("rev-list", "--objects", "--no-object-names", BRANCH).split():
        oid = Oid(bytes.fromhex(line))
        objects[oid] = side.state.repo.objects.read(oid)
    return Arrival(head, "there", objects)


async def test_what_is_stored_is_recorded_once(a: Side) -> None:  # I11 I13
    a.save("film.bin", big("film"))
    key = a.key("film.bin")
    recording = Recording(a)
    assert recording.branch.locations(key) == {}
    await recording.take(key, key)
    assert recording.branch.locations(key) == {a.state.uuid: True}
    head = recording.branch.head()
    await recording.take(key)
    assert (recording.branch.head(), recording.moves) == (head, 1)


async def test_many_facts_make_one_commit(a: Side) -> None:
    keys: list[Key] = []
    for name in ("1", "2", "3"):
        a.save(name, big(name))
        keys.append(a.key(name))
    recording = Recording(a)
    before = int(a.git("rev-list", "--count", BRANCH))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(recording.step.run)
        for key in keys:
            recording.step.stored([key])
            await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(10):
            while not recording.moves:
                await anyio.to_thread.run_sync(lambda: None)
        tasks.cancel_scope.cancel()
    assert int(a.git("rev-list", "--count", BRANCH)) == before + 1
    assert all(recording.branch.locations(key) == {a.state.uuid: True} for key in keys)


async def test_what_others_know_is_united_the_same_on_both_sides(a: Side, b: Side) -> None:  # I14
    a.save("film.bin", big("film"))
    b.save("film.bin", big("film"))
    key = a.key("film.bin")
    one, two = Recording(a), Recording(b)
    await one.take(key)
    await two.take(key)
    to_one, to_two = sent(b), sent(a)
    await one.take(arrival=to_one)
    await two.take(arrival=to_two)
    assert one.branch.head() == two.branch.head()
    assert one.branch.locations(key) == {a.state.uuid: True, b.state.uuid: True}
    assert one.answers == two.answers == ["durable"]
    a.git("fsck", "--strict")


@pytest.mark.parametrize("kind", [b"blob", b"tree", b"commit"])
async def test_a_branch_that_is_not_whole_is_not_taken(a: Side, b: Side, kind: bytes) -> None:  # I10
    b.save("film.bin", big("film"))
    await Recording(b).take(b.key("film.bin"))
    arrival = sent(b)
    here = {oid for oid in arrival.objects if a.state.repo.objects.has(oid)}
    short = {oid: item for oid, item in arrival.objects.items() if item.kind != kind and oid not in here}
    recording = Recording(a)
    head = recording.branch.head()
    await recording.take(arrival=replace(arrival, objects=short))
    assert (recording.branch.head(), recording.answers) == (head, ["incomplete"])
    a.git("fsck", "--strict")


async def test_a_branch_that_is_none_is_refused_and_the_others_go_on(a: Side, b: Side) -> None:  # I25
    a.save("film.bin", big("film"))
    recording = Recording(a)
    oid = a.state.repo.format.hash(b"blob", b"x")
    await recording.take(a.key("film.bin"), arrival=Arrival(oid, "there", {oid: Object(b"blob", b"x")}))
    assert recording.answers == ["refused"]
    assert recording.branch.locations(a.key("film.bin")) == {a.state.uuid: True}


async def test_what_is_lost_is_recorded_unless_it_came_back(a: Side) -> None:  # I11
    a.save("film", big("one"))
    here, gone = a.key("film"), Key(b"SHA256E-s3--" + b"0" * 64)
    recording = Recording(a)
    await recording.take(here, gone)
    step = recording.step
    await step._turn(News(lost=[here, gone]))  # pyright: ignore[reportPrivateUsage]
    assert recording.branch.locations(here) == {a.state.uuid: True}
    assert recording.branch.locations(gone) == {a.state.uuid: False}
