"""Two to four folders, users and faults at random, judged by a model: what must become of every file.

Hypothesis draws the actions; which they are follows from the seed alone, their timing is the machine's own. A
failing run prints its seed and every action: `INSTEP_SEED=SEED` plays the same actions again.
"""

import random
import sys
import time
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, reject, seed, settings, stateful
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from .chance import SOAK, seed_of_run
from .world import SHAPES, Shape, World

STEPS = 60 if SOAK else 20

DIRECTORIES = [b"", b"work/", b"work/deep/", b"home/", b"home/moved 1/"]
NAMES = [b"notes.txt", b"data.bin", b"\xff\n", b"-x"]
PATHS = [*(directory + name for directory in DIRECTORIES for name in NAMES), b"home", b"work/deep"]
"""Some are files here and directories there."""
SIZES = [0, 100, 4000, 150_000]
LARGE = 9 << 20

folders = st.integers(0, 11)
"""A folder or a link: the remainder by how many there are."""
paths = st.sampled_from(PATHS)
places = st.sampled_from([b"work", b"work/deep", b"home", b"home/moved 1", b"work/moved 2"])
sizes = st.sampled_from(SIZES) if not SOAK else st.sampled_from([*SIZES * 4, LARGE])
acts = st.one_of(
    st.tuples(st.sampled_from(["write", "append", "save"]), paths, sizes),
    st.tuples(st.sampled_from(["write", "append", "save"]), paths, sizes),
    st.tuples(st.just("rename"), paths, paths),
    st.tuples(st.just("move_directory"), places, places),
    st.tuples(st.just("delete"), paths),
    st.tuples(st.just("chmod"), paths, st.booleans()),
    st.tuples(st.just("symlink"), paths, st.sampled_from([b"notes.txt", b"../nowhere", b"work"])),
)
NETWORK_WEATHER = {"fill": "unplug", "free": "heal"}
"""In place of a disk that is full."""
Work = tuple[int, list[tuple[Any, ...]]]
works = st.tuples(folders, st.lists(acts, min_size=1, max_size=6))
"""Who does what: some actions one after the other. Faults come in the midst of work."""


class Machine(RuleBasedStateMachine):
    """Each rule is one thing that a person, a fault or a tool does; which one it is, hypothesis says."""

    place: Path
    shape: Shape
    world: World
    started_s: float | None = None
    failures: list[BaseException]
    """Those of all machines of one kind: the first ends it, since it could not be had again as it was."""

    @initialize(number=st.integers(0, 9))
    def begin(self, number: int) -> None:
        assume(
            number and not self.failures
        )  # hypothesis tries the simplest of everything first: not worth a run
        self.started_s = time.monotonic()
        with self._step("begin"):
            self.world = World(self.place / "world", self.shape)
            self.world.open()

    @rule(work=works)
    def work(self, work: Work) -> None:
        with self._step("work", *work):
            self._work(work)

    def _work(self, work: Work) -> None:
        number, some = work
        hands = self.world.hands[number % self.shape.folders]
        largest = self.shape.largest_bytes
        for verb, path, *more in some:
            match verb, more:
                case "write", [size]:
                    hands.write(path, hands.content(path, min(size, largest)))
                case "save", [size]:
                    hands.save(path, hands.content(path, min(size, largest)))
                case "append", [size]:
                    hands.append(path, hands.content(path, min(size, 4000)))
                case _:
                    getattr(hands, verb)(path, *more)

    @rule(number=folders, times=st.integers(1, 3))
    def work_with_everybody(self, number: int, times: int) -> None:
        """All at once at the same file, with no time to hear of each other."""
        with self._step("work with everybody", number, times):
            for turn in range(times):
                for hands in self.world.hands:
                    path = [b"work/notes.txt", b"home/data.bin"][(number + turn) % 2]
                    hands.save(path, hands.content(path, 4000))

    @rule(verb=st.sampled_from(["kill", "stop", "freeze", "start", "start"]), number=folders, work=works)
    def process(self, verb: str, number: int, work: Work) -> None:
        number %= self.shape.folders
        with self._step("work", *work, "then", verb, number):
            self._work(work)
            getattr(self.world, verb)(number)

    @rule(verb=st.sampled_from(["pause", "resume"]), number=folders, work=works)
    def link(self, verb: str, number: int, work: Work) -> None:
        if self.shape.has_network and verb == "pause":
            self.cut_or_heal("part", number, [work])
            return
        number %= len(self.shape.links)
        with self._step(verb, self.shape.links[number], "and work", *work):
            getattr(self.world, verb)(number)
            self._work(work)

    @rule(verb=st.sampled_from(["thaw", "fill", "free", "a_moment_later"]), work=works)
    def weather(self, verb: str, work: Work) -> None:
        if self.shape.has_network and verb in NETWORK_WEATHER:
            self.cut_or_heal(NETWORK_WEATHER[verb], work[0], [work])
            return
        with self._step("work", *work, "then", verb):
            self._work(work)
            getattr(self.world, verb)()

    @precondition(lambda self: self.shape.has_network)
    @rule(verb=st.sampled_from(["unplug", "part", "heal"]), number=folders, works=st.lists(works, max_size=3))
    def network(self, verb: str, number: int, works: list[Work]) -> None:
        self.cut_or_heal(verb, number, works)

    def cut_or_heal(self, verb: str, number: int, works: list[Work]) -> None:
        """And people go on: those who are cut off, and the others."""
        number %= self.shape.folders
        with self._step(*(["heal"] if verb == "heal" else [verb, number]), "and work", *works):
            self.world.heal() if verb == "heal" else getattr(self.world, verb)(number)
            for work in works:
                self._work(work)

    @rule(verb=st.sampled_from(["commit", "stash", "sync"]), number=folders, work=works)
    def git(self, verb: str, number: int, work: Work) -> None:
        number %= self.shape.folders
        with self._step("work", *work, "then git", verb, number):
            self._work(work)
            getattr(self.world, verb)(number)

    @rule(number=folders, path=paths, work=works)
    def git_checkout(self, number: int, path: bytes, work: Work) -> None:
        number %= self.shape.folders
        with self._step("work", *work, "then git checkout", number, path):
            self._work(work)
            self.world.checkout(number, path)

    @rule()
    def gather(self) -> None:
        with self._step("gather"):
            self.world.gather()

    @contextmanager
    def _step(self, *words: object) -> Generator[None]:
        print(f"{time.monotonic() - (self.started_s or 0):7.2f}", *words, flush=True)
        try:
            yield
        except Exception as failure:
            traceback.print_exc(file=sys.stdout)  # now: a long run may be ended before pytest tells
            self.failures.append(failure)
            reject()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            if not self.failures:
                with self._step("finish"):
                    self.world.finish()
        finally:
            if self.failures:
                self.world.thaw()
                for title, text in self.world.cluster.reports():
                    print(f"--- {title}\n{text}")
            self.world.close(keep=bool(self.failures))


def run(shape: str, number: int, place: Path) -> None:
    """One world, its shape, and the actions that follow from the number."""
    failures: list[BaseException] = []
    machine = seed(number)(
        type("Machine", (Machine,), {"place": place, "shape": SHAPES[shape], "failures": failures})
    )
    once = settings(
        max_examples=1,
        stateful_step_count=STEPS,
        phases=[Phase.generate],  # shrinking would play it a hundred times more
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    try:
        stateful.run_state_machine_as_test(machine, settings=once)  # pyright: ignore[reportUnknownMemberType]
    except HypothesisException:
        assert failures
    for failure in failures:
        raise failure


@pytest.mark.timeout(600 if SOAK else 300)
@pytest.mark.parametrize("shape", SHAPES)
def test_whatever_happens(tmp_path: Path, shape: str) -> None:  # I1 I5 I13 I14 I16 I17 I18 I19 I25 I27 I30
    run(shape, seed_of_run(random.Random(shape)), tmp_path)
