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
PREPARED_WITHIN_S = 300
BURST_WITHIN_S = 120
TEDIOUS_S = 30
"""A peer that takes longer for one round is not asked for another."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything: the full benchmark, or a quick look."""

    singles: int = 20
    gap_s: float = 1.0
    big_folder_files: int = 100_000
    few_files: int = 2000
    burst_files: int = 2000
    rounds: int = 3
    renamed_files: int = 200
    idle_s: float = 30
    large_mib: int = 512
    commands: int = 20


QUICK = Size(
    singles=5,
    gap_s=0.3,
    big_folder_files=5000,
    few_files=200,
    burst_files=400,
    rounds=1,
    idle_s=5,
    large_mib=64,
    commands=5,
)


@dataclass(frozen=True, slots=True)
class Workload:
    """A name, what is measured, and what is put into `a` before the peer starts."""

    name: str
    measure: Callable[[Peer, Size], Samples]
    prepare: Callable[[Path, Size], None] = field(default=lambda folder, size: None)


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


def one_at_a_time(peer: Peer, size: Size) -> Samples:
    """10 KiB files, the next one a second after the last arrived."""
    sync_in(peer, {"canary": b"canary\n"})
    settle()
    samples: list[float | None] = []
    for n in range(size.singles):
        name, content = f"single-{n}.bin", os.urandom(10 * KIB)
        closed = put(peer.a / name, content)
        samples.append(arrive(peer, {name: content}, closed, 30))
        if samples[-3:] == [None] * 3:
            break
        time.sleep(size.gap_s * random.uniform(0.8, 1.2))  # a fixed gap falls in step with a peer's own timer
    return {"file": samples}


def fill(folder: Path, size: Size) -> None:
    """Very many small files, a hundred in a directory."""
    for n in range(size.big_folder_files):
        put(folder / f"many/{n // 10_000}/{n // 100}/{n}.txt", b"file %d\n" % n)


def fill_a_little(folder: Path, size: Size) -> None:
    """Some small files in 20 directories."""
    for n in range(size.few_files):
        put(folder / f"some/{n % 20}/{n}.txt", b"file %d\n" % n)


def burst(peer: Peer, size: Size) -> Samples:
    """4 KiB files in 20 directories, created at once; creating them counts."""
    sync_in(peer, {"canary": b"canary\n"})
    samples: list[float | None] = []
    for n in range(size.rounds):
        files = {f"burst{n}/{i % 20}/{i}.bin": os.urandom(4 * KIB) for i in range(size.burst_files)}
        settle()
        start = now()
        for name, content in files.items():
            put(peer.a / name, content)
        samples.append(arrive(peer, files, start, BURST_WITHIN_S))
        if (samples[-1] or TEDIOUS_S) >= TEDIOUS_S:
            break
    return {"burst": samples}


def rename(peer: Peer, size: Size) -> Samples:
    """A directory of 200 small files is renamed; until the new names are there and the old are gone."""
    content = {f"{n}.bin": os.urandom(4 * KIB) for n in range(size.renamed_files)}
    sync_in(peer, {f"name0/{name}": data for name, data in content.items()})
    samples: list[float | None] = []
    for n in range(size.rounds):
        old, new = f"name{n}", f"name{n + 1}"
        files = {f"{new}/{name}": data for name, data in content.items()}
        settle(3)
        start = now()
        os.rename(peer.a / old, peer.a / new)
        samples.append(arrive(peer, files, start, 120, gone=peer.b / old))
    return {"rename": samples}


def large(peer: Peer, size: Size) -> Samples:
    """One file of random bytes; from its close, since the floor also begins with the whole file."""
    sync_in(peer, {"canary": b"canary\n"})
    content = os.urandom(size.large_mib * MIB)
    settle()
    closed = put(peer.a / "large.bin", content)
    return {"large": [arrive(peer, {"large.bin": content}, closed, 240)]}


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
