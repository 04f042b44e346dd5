"""Measures instep beside its peers on this machine, in one go: `make bench`, or `python -m bench.run --help`.

Every run of one workload with one peer has a fresh directory, and after it no process below this one is left.
Raw samples go to results.jsonl, the table to RESULTS.md, both beside this file.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

from . import workloads
from .machine import describe
from .peers import Assistant, CopyAndHash, HandGit, Instep, Peer, Rsync
from .processes import adopt_orphans, end_all
from .report import Record, write_report
from .workloads import QUICK, Size, Workload

HERE = Path(__file__).parent

PLAN: list[tuple[Workload, list[type[Peer]]]] = [
    (Workload("latency", workloads.one_at_a_time), [Instep, Assistant, HandGit, Rsync]),
    (Workload("latency in a big folder", workloads.one_at_a_time, workloads.fill), [Instep, HandGit, Rsync]),
    (Workload("burst", workloads.burst), [Instep, Assistant, HandGit, Rsync]),
    (Workload("rename", workloads.rename), [Instep, HandGit, Rsync]),
    (Workload("idle", workloads.idle, workloads.fill_a_little), [Instep, Assistant]),
    (Workload("commands", workloads.commands, workloads.fill_a_little), [Instep]),
    (Workload("large", workloads.large), [Instep, Assistant, Rsync, CopyAndHash]),
]


def measure(workload: Workload, kind: type[Peer], size: Size) -> Record:
    """One run; whatever fails is told in the record, and everything is cleaned up."""
    work = Path(tempfile.mkdtemp(prefix="ib-")).resolve()
    record = Record(workload.name, kind.name, started=time.time(), load=os.getloadavg()[0])
    try:
        peer = kind(work)
        peer.a.mkdir()
        workload.prepare(peer.a, size)
        start = time.perf_counter()
        peer.start()
        record.start_s = time.perf_counter() - start
        record.samples = workload.measure(peer, size)
        with contextlib.suppress(RuntimeError, subprocess.SubprocessError):
            peer.stop()
    except Exception as error:
        record.error = f"{type(error).__name__}: {error}".replace(str(work), "")
    finally:
        end_all()
        _remove(work)
    return record


def _remove(work: Path) -> None:
    """git-annex makes its objects and their directories read-only."""
    for top, directories, _ in os.walk(work):
        for name in directories:
            with contextlib.suppress(OSError):
                os.chmod(os.path.join(top, name), 0o700)
    shutil.rmtree(work, ignore_errors=True)


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

    adopt_orphans()
    signal.signal(signal.SIGTERM, _terminated)
    size = QUICK if options.quick else Size()
    records: list[Record] = []
    with (out / "results.jsonl").open("w") as raw:
        raw.write(json.dumps({"machine": describe(), "size": repr(size)}) + "\n")
        for workload, kinds in PLAN:
            for kind in kinds:
                if workload.name in (options.only or names) and kind.name in (options.peer or peers):
                    records.append(measure(workload, kind, size))
                    raw.write(records[-1].as_json() + "\n")
                    raw.flush()
                    print(records[-1].in_words(), flush=True)
    write_report(out / "RESULTS.md", records, size, describe(), HERE / "NOTES.md")
    print(f"wrote {out / 'RESULTS.md'}")
    return int(any(record.failed for record in records if record.peer == Instep.name))


if __name__ == "__main__":
    sys.exit(main())
