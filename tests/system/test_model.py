"""Two to four folders, users and faults at random, judged by a model: what must become of every file.

Hypothesis draws the actions; which they are follows from the seed alone, their timing is the machine's own. A
failing run prints its seed, its shape and every action: `INSTEP_SEED=SEED` plays the same actions again.
`INSTEP_SOAK=MINUTES`, as `make soak` sets it, goes on with new seeds for that long.
"""

import os
import random
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, seed, settings, stateful
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from .world import SHAPES, Shape, World

SOAK_S = 60 * float(os.environ.get("INSTEP_SOAK") or 0)
STEPS = 60 if SOAK_S else 20

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
sizes = st.sampled_from(SIZES) if SOAK_S == 0 else st.sampled_from([*SIZES * 4, LARGE])
acts = st.one_of(
    st.tuples(st.sampled_from(["write", "append", "save"]), paths, sizes),
    st.tuples(st.sampled_from(["write", "append", "save"]), paths, sizes),
    st.tuples(st.just("rename"), paths, paths),
    st.tuples(st.just("move_directory"), places, places),
    st.tuples(st.just("delete"), paths),
    st.tuples(st.just("chmod"), paths, st.booleans()),
    st.tuples(st.just("symlink"), paths, st.sampled_from([b"notes.txt", b"../nowhere", b"work"])),
)
Work = tuple[int, list[tuple[Any, ...]]]
works = st.tuples(folders, st.lists(acts, min_size=1, max_size=6))
"""Who does what: some actions one after the other. Faults come in the midst of work."""


class Machine(RuleBasedStateMachine):
    """Each rule is one thing that a person, a fault or a tool does; which one it is, hypothesis says."""

    place: Path
    shape: Shape
    world: World
    started_s: float | None = None
    failed = False

    @initialize(number=st.integers(0, 9))
    def begin(self, number: int) -> None:
        assume(number)  # hypothesis tries the simplest of everything first: not worth a run
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
        for verb, path, *more in some:
            match verb, more:
                case "write", [size]:
                    hands.write(path, hands.content(path, size))
                case "save", [size]:
                    hands.save(path, hands.content(path, size))
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
        number %= len(self.shape.links)
        with self._step(verb, self.shape.links[number], "and work", *work):
            getattr(self.world, verb)(number)
            self._work(work)

    @rule(verb=st.sampled_from(["thaw", "fill", "free", "a_moment_later"]), work=works)
    def weather(self, verb: str, work: Work) -> None:
        with self._step("work", *work, "then", verb):
            self._work(work)
            getattr(self.world, verb)()

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
        except BaseException:
            self.failed = True
            raise

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            if not self.failed:
                with self._step("finish"):
                    self.world.finish()
        finally:
            if self.failed:
                self.world.thaw()
                for title, text in self.world.cluster.reports():
                    print(f"--- {title}\n{text}")
            self.world.close()


def run(shape: str, number: int, place: Path) -> None:
    """One world, its shape, and the actions that follow from the number."""
    print(f"INSTEP_SEED={number} shape={shape}", flush=True)
    machine = seed(number)(type("Machine", (Machine,), {"place": place, "shape": SHAPES[shape]}))
    once = settings(
        max_examples=1,
        stateful_step_count=STEPS,
        phases=[Phase.generate],  # shrinking would play it a hundred times more
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    stateful.run_state_machine_as_test(machine, settings=once)  # pyright: ignore[reportUnknownMemberType]


@pytest.mark.timeout(SOAK_S + 300)
@pytest.mark.parametrize("shape", SHAPES)
def test_whatever_happens(tmp_path: Path, shape: str) -> None:  # I1 I5 I13 I14 I16 I17 I18 I27 I30
    given = os.environ.get("INSTEP_SEED")
    chance = random.SystemRandom() if SOAK_S else random.Random(shape)
    deadline = time.monotonic() + SOAK_S / len(SHAPES)
    while True:
        run(shape, int(given) if given else chance.randrange(1 << 32), tmp_path)
        if time.monotonic() >= deadline:
            break
