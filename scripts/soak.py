"""Random runs, one after another, for as long as wanted: `make soak MINUTES=60`.

Each run is one test with a fresh seed, in a process and a temporary directory of its own. The kinds take
turns, so that a short soak has some of each. What a run leaves behind (processes, mounts, files) is taken
away, however it ends; of one that failed the output and the folders are kept. At the end: how many runs of
what there were, and how to play each failure again.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import NamedTuple

TEST_LIMIT_S = 900
"""For one test: properties are tried on many more examples here than in `make test`."""
LIMIT_S = 1200.0
"""A run that takes longer has failed."""
GRACE_S = 60.0
"""For pytest to end its processes, once it is told to."""

SYSTEM = "tests/system/"
MODEL = [[f"{SYSTEM}test_model.py", "-k", s] for s in ("pair", "chain", "full", "star", "small", "network")]
TURNS = [
    *MODEL,
    [f"{SYSTEM}test_random_users.py", "-k", "1"],
    [f"{SYSTEM}test_random_person.py"],
    [f"{SYSTEM}test_crash_points.py", "-k", "killed_at and [a]"],
    *MODEL,
    [f"{SYSTEM}test_random_users.py", "-k", "seconds"],
    [f"{SYSTEM}test_random_person.py"],
    [f"{SYSTEM}test_crash_points.py", "-k", "killed_at and [b]"],
    [f"{SYSTEM}test_power_cut.py", "-k", "durable_step and [a]"],
    [f"{SYSTEM}test_power_cut.py", "-k", "durable_step and [b]"],
    [f"{SYSTEM}test_power_cut.py", "-k", "promised"],
    [f"{SYSTEM}test_faults.py", "-k", "forgotten"],
    [f"{SYSTEM}test_hostile_writers.py"],
    [f"{SYSTEM}test_graphs.py", "-k", "busy"],
    [f"{SYSTEM}test_network_parts.py", "-k", "random"],
    [f"{SYSTEM}test_cut.py", "-k", "session"],
    [f"{SYSTEM}test_cut.py", "-k", "large"],
    ["tests/fuzz"],
]
"""pytest's arguments for each run of a round; after each round follows one file of properties."""
PROPERTIES = ["tests/core", "tests/git", "tests/annex", "tests/remotes", "tests/steps", "tests/fs"]


class Ended(NamedTuple):
    """One run: what was run, its seed, and `passed`, `failed` or `cut short`."""

    words: list[str]
    seed: int
    outcome: str
    output: Path | None = None

    @property
    def name(self) -> str:
        return " ".join(self.words).replace(SYSTEM, "")

    @property
    def again(self) -> str:
        """The command that plays it again."""
        words = [f"'{word}'" if " " in word else word for word in self.words]
        return f"INSTEP_SOAK=1 INSTEP_SEED={self.seed} pytest --hypothesis-seed={self.seed} {' '.join(words)}"


class Soak:
    """Runs that share an end. `kept`: where what failed runs leave behind is put."""

    def __init__(self, end_s: float, kept: Path) -> None:
        self._end_s = end_s
        self._kept = kept
        self._kinds = _kinds()
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self.ended: list[Ended] = []

    def work(self) -> None:
        """One run after another, until the time is up."""
        while time.monotonic() < self._end_s and not self._stop.is_set():
            with self._turn:
                words = next(self._kinds)
            run = self._run(words)
            self.ended.append(run)
            print(f"{run.outcome:9} {run.name} (seed {run.seed})", flush=True)

    def stop(self, *_: object) -> None:
        """Cut short what runs, and come to the end."""
        self._stop.set()

    def _run(self, words: list[str]) -> Ended:
        seed = random.SystemRandom().randrange(1 << 32)
        top = Path(tempfile.mkdtemp(prefix="soak-"))
        output = top / "output"
        run = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "pytest",
                "-s",
                "-p",
                "no:cacheprovider",
                "-o",
                f"timeout={TEST_LIMIT_S}",
                f"--hypothesis-seed={seed}",
                *words,
            ],
            env=os.environ | {"INSTEP_SOAK": "1", "INSTEP_SEED": str(seed), "TMPDIR": str(top)},
            stdin=subprocess.DEVNULL,
            stdout=output.open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        outcome = self._outcome(run)
        _free(top)
        if outcome != "failed":
            shutil.rmtree(top, ignore_errors=True)
            return Ended(words, seed, outcome)
        kept = self._kept / f"soak-{seed}"
        shutil.move(top, kept)
        return Ended(words, seed, outcome, kept / output.name)

    def _outcome(self, run: subprocess.Popen[bytes]) -> str:
        began_s = time.monotonic()
        while run.poll() is None:
            is_over = self._stop.wait(0.5) or time.monotonic() > self._end_s
            if is_over or time.monotonic() > began_s + LIMIT_S:
                _end(run)
                return "cut short" if is_over else "failed"
        return "failed" if run.returncode else "passed"


def _kinds() -> Iterator[list[str]]:
    files = sorted(str(path) for place in PROPERTIES for path in _files(Path(place)) if _has_properties(path))
    for number in count():
        yield from TURNS
        yield [files[number % len(files)]]


def _files(place: Path) -> list[Path]:
    return [place] if place.is_file() else list(place.glob("test_*.py"))


def _has_properties(path: Path) -> bool:
    return "hypothesis" in path.read_text()


def _end(run: subprocess.Popen[bytes]) -> None:
    """As a person would, so that pytest takes away what it made; by force if need be."""
    os.killpg(run.pid, signal.SIGINT)
    try:
        run.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def _free(top: Path) -> None:
    """End every process that was started with this temporary directory, and undo what was mounted in it."""
    mark = f"TMPDIR={top}".encode()
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if mark in Path(f"/proc/{entry}/environ").read_bytes().split(b"\0"):
                os.kill(int(entry), signal.SIGKILL)
        except OSError:
            continue  # it is gone, or somebody else's
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for place in sorted((place for place in mounted if place.startswith(f"{top}/")), reverse=True):
        subprocess.run(["umount", "--lazy", place], check=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("minutes", type=float)
    parser.add_argument("--workers", type=int, default=1, help="runs at a time")
    parser.add_argument("--keep", type=Path, default=Path("soak"), help="where failed runs are kept")
    given = parser.parse_args()
    given.keep.mkdir(exist_ok=True)
    soak = Soak(time.monotonic() + 60 * given.minutes, given.keep)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, soak.stop)
    with ThreadPoolExecutor(given.workers) as pool:
        for work in [pool.submit(soak.work) for _ in range(given.workers)]:
            work.result()
    _sum_up(soak.ended)
    sys.exit(any(run.outcome == "failed" for run in soak.ended))


def _sum_up(ended: list[Ended]) -> None:
    counts = Counter((run.name, run.outcome) for run in ended)
    print(f"\n{len(ended)} runs:")
    for (name, outcome), number in sorted(counts.items()):
        print(f"{number:5} {outcome:9} {name}")
    for run in ended:
        if run.outcome == "failed":
            print(f"\nfailed, see {run.output}; again:\n  {run.again}")


if __name__ == "__main__":
    main()
