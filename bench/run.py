"""Measures instep beside its peers on this machine, in one go: `make bench`, or `python -m bench.run --help`.

Every run of one workload with one peer has a fresh directory, and after it no process below this one is left.
The directories are removed when all is measured.
Raw samples go to results.jsonl, the table to RESULTS.md, both beside this file.
"""

import argparse
import compileall
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import instep

from . import network, profile, settled, workloads
from .machine import describe
from .peers import Assistant, CopyAndHash, HandGit, Instep, Peer, Rsync
from .processes import adopt_orphans, end_all
from .profile import TracedInstep
from .records import Record
from .report import OVER_SSH, STAGES, write_report
from .ssh import AssistantOverSsh, InstepOverSsh
from .stock_far import TO_STOCK, AssistantToHub, HandToHub, InstepToHub, both_sizes
from .syncers import Lsyncd, Syncthing, Unison
from .workloads import BURST_WITHIN_S, LARGE_WITHIN_S, QUICK, RENAME_WITHIN_S, SINGLE_WITHIN_S, Size, Workload

HERE = Path(__file__).parent
LARGE_BYTES = 8 << 20

PLAN: list[tuple[Workload, list[type[Peer]]]] = [
    (
        Workload("latency", workloads.one_at_a_time, workloads.small, within_s=SINGLE_WITHIN_S),
        [Instep, HandGit, Rsync, Syncthing, Unison, Lsyncd, Assistant],
    ),
    (
        Workload(OVER_SSH, workloads.one_at_a_time, workloads.small, within_s=SINGLE_WITHIN_S),
        [InstepOverSsh, AssistantOverSsh],
    ),
    (
        Workload(TO_STOCK, both_sizes, workloads.small, within_s=SINGLE_WITHIN_S),
        [InstepToHub, HandToHub, AssistantToHub],
    ),
    (
        Workload(network.HUB, workloads.one_at_a_time, workloads.small, within_s=SINGLE_WITHIN_S),
        [network.InstepByHub],
    ),
    (
        Workload(network.DELAYED, workloads.one_at_a_time, workloads.small, within_s=SINGLE_WITHIN_S),
        [network.InstepFarAway],
    ),
    (Workload(network.FULL_LINE, network.during_an_upload, within_s=SINGLE_WITHIN_S), [InstepOverSsh]),
    (Workload(network.RECONNECT, network.reconnect, within_s=SINGLE_WITHIN_S), [network.InstepOnAWire]),
    (
        Workload("burst", workloads.burst, in_turns=True, within_s=BURST_WITHIN_S),
        [Instep, Rsync, Unison, Syncthing, HandGit, Assistant],
    ),
    (
        Workload("large", workloads.large, in_turns=True, within_s=LARGE_WITHIN_S),
        [Instep, CopyAndHash, Rsync, Assistant],
    ),
    (
        Workload("rename", workloads.rename, in_turns=True, within_s=RENAME_WITHIN_S),
        [Instep, HandGit, Rsync],
    ),
    (Workload(STAGES, profile.one_changes_way, workloads.small), [TracedInstep]),
    (Workload("commands", workloads.commands, workloads.a_few), [Instep]),
    (
        Workload(
            "100,000 files", settled.among_many, workloads.big, within_s=SINGLE_WITHIN_S, tells_start=True
        ),
        [Instep, HandGit, Rsync],
    ),
    (Workload("idle", workloads.idle, workloads.a_few), [Instep, Assistant]),
    (
        Workload(
            "1,000,000 files", settled.among_many, settled.huge, within_s=SINGLE_WITHIN_S, tells_start=True
        ),
        [Instep],
    ),
]


def measure(workload: Workload, kind: type[Peer], size: Size, work: Path) -> Record:
    """One run, in a new directory; whatever fails is told in the record, and no process is left."""
    work.mkdir()
    record = Record(workload.name, kind.name, time.time(), os.getloadavg()[0], workload.within_s)
    try:
        peer = kind(work)
        peer.a.mkdir(exist_ok=True)
        workload.prepare(peer, size)
        start = time.perf_counter()
        peer.start()
        record.samples = {"set up": [time.perf_counter() - start]} if workload.tells_start else {}
        record.samples |= workload.measure(peer, size)
        with contextlib.suppress(RuntimeError, subprocess.SubprocessError):
            peer.stop()
    except Exception as error:
        record.error = f"{type(error).__name__}: {error}".replace(str(work), "")
    finally:
        end_all()
        _remove_large(work)
    return record


@contextlib.contextmanager
def _places() -> Generator[Iterator[Path]]:
    """Names for as many directories as are wanted; all are removed at the end."""
    parent = Path(tempfile.mkdtemp(prefix="ib-")).resolve()
    try:
        yield (parent / str(number) for number in itertools.count())
    finally:
        for objects in parent.glob("*/*/.git/annex/objects"):  # git-annex makes these read-only
            subprocess.run(["chmod", "-R", "u+w", objects], check=False)
        subprocess.run(["rm", "-rf", parent], check=False)


def _remove_large(work: Path) -> None:
    """Only what takes much space: the rest goes when all is measured (`_places`). ext4 passes over each
    inode that was deleted in the last minutes, one by one, whenever it makes a new file, so who comes after
    thousands that were removed would pay for them."""
    for directory, _, names in os.walk(work):
        for name in names:
            path = Path(directory, name)
            if path.lstat().st_size > LARGE_BYTES:
                path.parent.chmod(0o700)
                path.unlink()


def in_turns(
    workload: Workload, kinds: Sequence[type[Peer]], size: Size, places: Iterator[Path]
) -> Iterator[Record]:
    """All records of a workload; who did not make it once is not asked again."""
    given_up: set[type[Peer]] = set()
    for _ in range(size.turns if workload.in_turns else 1):
        for kind in kinds:
            if kind not in given_up:
                record = measure(workload, kind, size, next(places))
                given_up |= {kind} if record.failed else set()
                yield record


def _terminated(_number: int, _frame: object) -> NoReturn:
    """Leaves by an exception, so that the peers are ended too."""
    sys.exit("terminated")


def main() -> int:
    """Runs the plan, or the part of it that was asked for; 1 when a run of instep failed or lost a file."""
    names = [workload.name for workload, _ in PLAN]
    peers = sorted({kind.name for _, kinds in PLAN for kind in kinds})
    parser = argparse.ArgumentParser(prog="bench.run", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few and small samples; figures to look at only")
    parser.add_argument("--only", action="append", choices=names, help="this workload (may be repeated)")
    parser.add_argument("--peer", action="append", choices=peers, help="this peer (may be repeated)")
    parser.add_argument("--out", type=Path, help="directory for the results (default: bench/)")
    options = parser.parse_args()
    partial = bool(options.quick or options.only or options.peer)
    out: Path = options.out or (Path(tempfile.gettempdir()) / "instep-bench" if partial else HERE)
    out.mkdir(parents=True, exist_ok=True)

    compileall.compile_dir(Path(instep.__file__).parent, quiet=1)  # as pip does when it installs
    adopt_orphans()
    signal.signal(signal.SIGTERM, _terminated)
    size = QUICK if options.quick else Size()
    records: list[Record] = []
    with _places() as places, (out / "results.jsonl").open("w") as raw:
        raw.write(json.dumps({"machine": describe(), "size": repr(size)}) + "\n")
        for workload, kinds in PLAN:
            if workload.name not in (options.only or names):
                continue
            wanted = [kind for kind in kinds if kind.name in (options.peer or peers)]
            for record in in_turns(workload, wanted, size, places):
                records.append(record)
                raw.write(record.as_json() + "\n")
                raw.flush()
                print(record.in_words(), flush=True)
    write_report(out / "RESULTS.md", records, size, describe())
    print(f"wrote {out / 'RESULTS.md'}")
    return int(any(record.failed for record in records if record.peer == Instep.name))


if __name__ == "__main__":
    sys.exit(main())
