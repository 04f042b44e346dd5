"""The table of results: instep, its peers and the floor side by side, and whether each target was met."""

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .workloads import Samples, Size

INSTEP, ASSISTANT, HAND, RSYNC = "instep", "git-annex assistant", "git by hand", "rsync -a"
BIG = "latency in a big folder"


@dataclass(slots=True)
class Record:
    """One run of one workload with one peer."""

    workload: str
    peer: str
    started: float
    load: float
    start_s: float = 0
    samples: Samples = field(default_factory=Samples)
    error: str = ""

    @property
    def failed(self) -> bool:
        """The run broke off, or something never arrived."""
        return bool(self.error) or any(None in values for values in self.samples.values())

    def median(self, name: str | None = None) -> float | None:
        """Of what arrived; None when nothing did. Without a name, of the one thing measured."""
        values = self.arrived(name)
        return statistics.median(values) if values else None

    def arrived(self, name: str | None = None) -> list[float]:
        """The samples of what arrived."""
        values = self.samples.get(name or next(iter(self.samples), ""), [])
        return [value for value in values if value is not None]

    def as_json(self) -> str:
        """One line of results.jsonl."""
        return json.dumps(asdict(self))

    def in_words(self) -> str:
        """One line for whoever watches."""
        told = "  ".join(
            f"{name} {_number(self.median(name))} (n={len(values)})" for name, values in self.samples.items()
        )
        return f"{self.workload:24} {self.peer:20} {self.error or told}"


class Results:
    """All records of a run, to be asked by workload and peer."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = {(record.workload, record.peer): record for record in records}

    def record(self, workload: str, peer: str = INSTEP) -> Record | None:
        """The run, if there was one."""
        return self._records.get((workload, peer))

    def median(self, workload: str, peer: str = INSTEP, name: str | None = None) -> float | None:
        """The median of a run that was complete: an unfinished one has no figure."""
        record = self.record(workload, peer)
        return None if record is None or (peer == INSTEP and record.failed) else record.median(name)

    def most(self, workload: str, name: str) -> float | None:
        """The largest of instep's samples."""
        record = self.record(workload)
        return max(record.arrived(name), default=None) if record and not record.failed else None

    def ratio(self, workload: str, peer: str, to: str | None = None) -> float | None:
        """instep's median over that of a peer (or, with `to`, over its own of another workload)."""
        ours, theirs = self.median(workload), self.median(to or workload, peer)
        return ours / theirs if ours is not None and theirs else None


@dataclass(frozen=True, slots=True)
class Target:
    """What was asked for: the words, the figure that counts, its limit."""

    words: str
    figure: Callable[[Results], float | None]
    at_most: float
    unit: str


TARGETS: list[Target] = [
    Target("one file: instep / assistant", lambda r: r.ratio("latency", ASSISTANT), 1 / 50, "of its time"),
    Target("one file: instep / git by hand", lambda r: r.ratio("latency", HAND), 1 / 2.5, "of its time"),
    Target("big folder / small folder", lambda r: r.ratio(BIG, INSTEP, "latency"), 2.5, "times"),
    Target("burst: instep / creating + rsync -a", lambda r: r.ratio("burst", RSYNC), 5, "times"),
    Target("rename: instep / git by hand", lambda r: r.ratio("rename", HAND), 2, "times"),
    Target("idle: CPU of the busier daemon", lambda r: r.most("idle", "cpu_s"), 0.02, "s"),
    Target("idle: memory of the larger daemon", lambda r: r.most("idle", "pss_mib"), 60, "MiB PSS"),
    Target("`instep status`", lambda r: r.median("commands", name="instep status"), 0.150, "s"),
]


def _number(value: float | None) -> str:
    """Three digits that mean something."""
    if value is None:
        return "-"
    return f"{value:.4f}" if value < 0.1 else f"{value:.3f}" if value < 10 else f"{value:.1f}"


def _target_row(target: Target, results: Results) -> str:
    value = target.figure(results)
    verdict = "not measured" if value is None else "pass" if value <= target.at_most else "**miss**"
    if value is not None and value > target.at_most:
        verdict += f" by {value / target.at_most:.2f} times"
    words = [target.words, _number(value), f"{_number(target.at_most)} {target.unit}", verdict]
    return f"| {' | '.join(words)} |"


def _figure_rows(record: Record) -> list[str]:
    if record.error:
        return [
            f"| {record.workload} | {record.peer} | failed | | | | {record.error.splitlines()[0][:120]} |"
        ]
    rows: list[str] = []
    for name, values in record.samples.items():
        arrived = record.arrived(name)
        low, high = (_number(pick(arrived)) if arrived else "-" for pick in (min, max))
        lost = len(values) - len(arrived)
        cells = [record.workload, record.peer, name, _number(record.median(name)), f"{low} to {high}"]
        rows.append(f"| {' | '.join(cells)} | {len(values)} | {f'{lost} never arrived' if lost else ''} |")
    return rows


def _what_was_done(size: Size) -> str:
    return f"""\
- **latency**: {size.singles} files of 10 KiB, one at a time, {size.gap_s:g} s apart; from just before `close`
  in A until the whole content is read in B (a look each millisecond). *In a big folder*: among
  {size.big_folder_files:,} files.
- **burst**: {size.burst_files:,} files of 4 KiB in 20 directories, creating them included, within 120 s;
  {size.rounds} rounds, or one of a peer that takes longer than 30 s.
- **rename**: a directory of {size.renamed_files} files of 4 KiB, until all new names are there and no old one
  is; {size.rounds} rounds.
- **idle**: {size.idle_s:g} s of nothing in two folders of {size.few_files:,} files; CPU seconds, proportional
  (PSS) and unique (USS) MiB of each folder's process and its children.
- **commands**: what a person waits for, in a folder of {size.few_files:,} files.
- **large**: one file of {size.large_mib} MiB, from its close.
"""


def write_report(path: Path, records: Sequence[Record], size: Size, machine: str, notes: Path) -> None:
    """Writes RESULTS.md; the notes, kept by hand in a file of their own, come last."""
    results = Results(records)
    lines = [
        "# Results",
        "",
        "Written by `make bench`, all of it measured in one run; raw samples are in `results.jsonl`.",
        "",
        f"Machine: {machine}.",
        "",
        "## Targets",
        "",
        "| what | measured | at most | |",
        "| --- | --- | --- | --- |",
        *(_target_row(target, results) for target in TARGETS),
        "",
        "## Figures",
        "",
        "Seconds unless the name says else.",
        "",
        "| workload | who | what | median | range | n | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(row for record in records for row in _figure_rows(record)),
        "",
        _what_was_done(size),
    ]
    if notes.exists():
        lines.append(notes.read_text())
    path.write_text("\n".join(lines).rstrip() + "\n")
