"""What is measured. A workload gets a started peer and gives its samples, in seconds unless a name says else.

None in a list of samples is a change that never arrived.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .arrival import arrive, now, put
from .peers import Instep, Peer
from .processes import Usage, usage

Samples = dict[str, list[float | None]]
"""What was measured, by name."""

KIB, MIB = 1 << 10, 1 << 20
PREPARED_WITHIN_S = 120
SINGLE_WITHIN_S = 30
BURST_WITHIN_S = 60
LARGE_WITHIN_S = 60
RENAME_WITHIN_S = 60
SINGLES_FOR_S = 45
"""A slow peer is not asked for more single files after this time."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything: the full benchmark, or a quick look."""

    singles: int = 20
    gap_s: float = 1.0
    small_folder_files: int = 1000
    big_folder_files: int = 100_000
    huge_folder_files: int = 1_000_000
    few_files: int = 2000
    burst_files: int = 2000
    turns: int = 3
    starts: int = 3
    renamed_files: int = 200
    idle_s: float = 30
    large_mib: int = 512
    commands: int = 20


QUICK = Size(
    singles=5,
    gap_s=0.3,
    small_folder_files=200,
    big_folder_files=5000,
    huge_folder_files=20_000,
    few_files=200,
    burst_files=400,
    turns=1,
    starts=1,
    idle_s=5,
    large_mib=64,
    commands=5,
)


@dataclass(frozen=True, slots=True)
class Workload:
    """A name, what is measured, and what is put into `a` (or made of both) before the peer starts.

    `in_turns`: it is measured several times, each time with every peer once, so that what else goes on at the
    machine hits them all alike. `within_s`: what takes longer is given up.
    """

    name: str
    measure: Callable[[Peer, Size], Samples]
    prepare: Callable[[Peer, Size], None] = field(default=lambda peer, size: None)
    in_turns: bool = False
    within_s: float = 0
    tells_start: bool = False
    """Whether it is told how long it took until the peer stood."""


def sync_in(peer: Peer, files: dict[str, bytes]) -> None:
    """Puts files in `a` before a measurement; RuntimeError when they do not arrive."""
    for name, content in files.items():
        put(peer.a / name, content)
    if arrive(peer, files, now(), PREPARED_WITHIN_S) is None:
        raise RuntimeError(f"preparation: not all of {len(files)} files arrived")


def settle(seconds: float = 2) -> None:
    """Lets the disk and the peer finish what they began, so that no sample pays for the one before."""
    os.sync()
    time.sleep(seconds)


def pause(size: Size) -> None:
    """Between two single files: a fixed gap would fall in step with a peer's own timer."""
    time.sleep(size.gap_s * random.uniform(0.8, 1.2))


def one_at_a_time(peer: Peer, size: Size) -> Samples:
    """10 KiB files, the next one a second after the last arrived."""
    sync_in(peer, {"canary": b"canary\n"})
    settle()
    samples: list[float | None] = []
    began = now()
    while len(samples) < size.singles and samples[-2:] != [None] * 2 and now() - began < SINGLES_FOR_S:
        name, content = f"single-{len(samples)}.bin", os.urandom(10 * KIB)
        closed = put(peer.a / name, content)
        samples.append(arrive(peer, {name: content}, closed, SINGLE_WITHIN_S))
        pause(size)
    return {"file": samples}


def fill(folder: Path, files: int) -> None:
    """Small files, a hundred in a directory."""
    for n in range(files):
        put(folder / f"many/{n // 10_000}/{n // 100}/{n}.txt", b"file %d\n" % n)


def small(peer: Peer, size: Size) -> None:
    """The folder that big ones are compared with."""
    fill(peer.a, size.small_folder_files)


def big(peer: Peer, size: Size) -> None:
    """Very many files."""
    fill(peer.a, size.big_folder_files)


def a_few(peer: Peer, size: Size) -> None:
    """Some small files in 20 directories."""
    for n in range(size.few_files):
        put(peer.a / f"some/{n % 20}/{n}.txt", b"file %d\n" % n)


def burst(peer: Peer, size: Size) -> Samples:
    """4 KiB files in 20 directories, created at once; creating them counts."""
    sync_in(peer, {"canary": b"canary\n"})
    return {"burst": [one_burst(peer, "burst", size)]}


def one_burst(peer: Peer, directory: str, size: Size) -> float | None:
    """Seconds from the first of many files to the last byte of all; None: not in time."""
    files = {f"{directory}/{i % 20}/{i}.bin": os.urandom(4 * KIB) for i in range(size.burst_files)}
    settle()
    start = now()
    for name, content in files.items():
        put(peer.a / name, content)
    return arrive(peer, files, start, BURST_WITHIN_S)


def rename(peer: Peer, size: Size) -> Samples:
    """A directory of 200 small files is renamed; until the new names are there and the old are gone."""
    content = {f"{n}.bin": os.urandom(4 * KIB) for n in range(size.renamed_files)}
    sync_in(peer, {f"old/{name}": data for name, data in content.items()})
    settle(3)
    start = now()
    os.rename(peer.a / "old", peer.a / "new")
    files = {f"new/{name}": data for name, data in content.items()}
    return {"rename": [arrive(peer, files, start, RENAME_WITHIN_S, gone=peer.b / "old")]}


def large(peer: Peer, size: Size) -> Samples:
    """One file of random bytes; from its close, since the floor also begins with the whole file."""
    sync_in(peer, {"canary": b"canary\n"})
    content = os.urandom(size.large_mib * MIB)
    settle()
    closed = put(peer.a / "large.bin", content)
    return {"large": [arrive(peer, {"large.bin": content}, closed, LARGE_WITHIN_S)]}


def idle(peer: Peer, size: Size) -> Samples:
    """Nothing happens in two folders: CPU seconds meanwhile and MiB of each daemon."""
    sync_in(peer, {"canary": b"canary\n"})
    settle(10)
    before = usage()
    time.sleep(size.idle_s)
    after = usage()
    none = Usage(0, 0, 0)
    return {
        "cpu_s": [after[pid].cpu_s - before.get(pid, none).cpu_s for pid in after],
        "pss_mib": [after[pid].pss_mib for pid in after],
        "uss_mib": [after[pid].uss_mib for pid in after],
    }


def commands(peer: Peer, size: Size) -> Samples:
    """How long a person waits for `instep status`, beside `git status` and a Python that does nothing."""
    sync_in(peer, {"canary": b"canary\n"})
    settle(5)
    asked: dict[str, list[str]] = {
        "instep status": [Instep.command, "status", str(peer.a)],
        "git status": ["git", "-C", str(peer.a), "status", "--porcelain"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }
    samples: Samples = {name: [] for name in asked}
    for _ in range(size.commands):
        for name, command in asked.items():
            start = now()
            subprocess.run(command, env=peer.environment, capture_output=True, timeout=60, check=True)
            samples[name].append(now() - start)
    return samples
