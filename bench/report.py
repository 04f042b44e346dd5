"""The table of results: instep, its peers and the floor side by side, and whether each target was met."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .network import DELAYED, FULL_LINE, HUB, RECONNECT
from .records import Record, Results, joined, number
from .stock_far import SIZES, TO_STOCK
from .workloads import BURST_WITHIN_S, SINGLES_FOR_S, Size

INSTEP, ASSISTANT, HAND, RSYNC = "instep", "git-annex assistant", "git by hand", "rsync -a"
STAGES = "one change's way"
OVER_SSH = "latency over ssh"
BIG, HUGE = "100,000 files", "1,000,000 files"
Figure = Callable[[Results], float | None]


def over(workload: str, peer: str, name: str | None = None) -> Figure:
    """instep's median over that of a peer, of the one thing measured or of one of several."""

    def figure(results: Results) -> float | None:
        return _ratio(*(results.median(workload, who, name) for who in (INSTEP, peer)))

    return figure


def file_among_many(workload: str) -> Figure:
    """instep's median of one file in a big folder over that in a small one."""

    def figure(results: Results) -> float | None:
        return _ratio(results.median(workload, INSTEP, "file"), results.median("latency", INSTEP))

    return figure


def over_ssh(results: Results) -> float | None:
    """instep's median over ssh over that on one machine."""
    return _ratio(results.median(OVER_SSH, INSTEP), results.median("latency", INSTEP))


def through_a_hub(results: Results) -> float | None:
    """instep's median by way of a third computer over that of the direct link."""
    return _ratio(results.median(HUB, INSTEP), results.median(OVER_SSH, INSTEP))


def beside(workload: str, name: str, other: str) -> Figure:
    """One thing's median over another's, both measured in one run of instep."""

    def figure(results: Results) -> float | None:
        ours, theirs = (results.median(workload, INSTEP, each) for each in (name, other))
        return _ratio(ours, theirs)

    return figure


def most(workload: str, name: str) -> Figure:
    """The largest of instep's samples."""
    return lambda results: results.most(workload, INSTEP, name)


def _ratio(ours: float | None, theirs: float | None) -> float | None:
    return ours / theirs if ours is not None and theirs else None


@dataclass(frozen=True, slots=True)
class Target:
    """What was asked for: the words, the figure that counts, its limit."""

    words: str
    figure: Figure
    at_most: float
    unit: str = "times"


TARGETS: list[Target] = [
    Target("one file: instep / assistant", over("latency", ASSISTANT), 1 / 50),
    Target("one file: instep / git by hand", over("latency", HAND), 1 / 2.5),
    Target("one file over ssh: instep / assistant", over(OVER_SSH, ASSISTANT), 1 / 25),
    *(
        Target(
            f"{words} to a stock repository over ssh: instep / assistant",
            over(TO_STOCK, ASSISTANT, words),
            1 / 5,
        )
        for words in SIZES
    ),
    Target("one file: instep over ssh / on one machine", over_ssh, 2),
    Target("one file through a hub / over ssh", through_a_hub, 3),
    Target("one file over 50 ms one way", lambda r: r.median(DELAYED, INSTEP), 0.15, "s"),
    Target("one file during a 1 GiB upload / idle", beside(FULL_LINE, "during", "idle"), 5),
    Target("network back: a file that waited is there", lambda r: r.median(RECONNECT, INSTEP), 2, "s"),
    Target("one file among 100,000 / among 1,000", file_among_many(BIG), 2.5),
    Target("one file among 1,000,000 / among 1,000", file_among_many(HUGE), 3),
    Target("burst: instep / creating + rsync -a", over("burst", RSYNC), 3),
    Target("burst: instep / Unison", over("burst", "Unison"), 1),
    Target("burst: instep / Syncthing", over("burst", "Syncthing"), 1),
    Target("large file: instep / cp + sha256sum", over("large", "cp + sha256sum"), 1.3),
    Target("rename: instep / git by hand", over("rename", HAND), 2),
    Target("100,000 files: start / warm `git status`", beside(BIG, "start to in step", "git status"), 2),
    Target("idle: CPU of the busier daemon", most("idle", "cpu_s"), 0.02, "s"),
    Target("idle: memory of the larger daemon", most("idle", "pss_mib"), 60, "MiB PSS"),
    Target("1,000,000 files: memory of the larger daemon", most(HUGE, "pss_mib"), 300, "MiB PSS"),
    Target("`instep status`", lambda r: r.median("commands", INSTEP, "instep status"), 0.150, "s"),
]


def _target_row(target: Target, results: Results) -> str:
    value = target.figure(results)
    verdict = "not measured" if value is None else "pass" if value <= target.at_most else "**miss**"
    if value is not None and value > target.at_most:
        verdict += f" by {value / target.at_most:.2f} times"
    words = [target.words, number(value), f"{number(target.at_most)} {target.unit}", verdict]
    return f"| {' | '.join(words)} |"


def _figure_rows(record: Record) -> list[str]:
    rows: list[str] = []
    for name, values in record.samples.items():
        arrived = record.arrived(name)
        low, high = (number(pick(arrived)) if arrived else "-" for pick in (min, max))
        lost = len(values) - len(arrived)
        cells = [record.workload, record.peer, name, number(record.median(name)), f"{low} to {high}"]
        told = f"{lost} not within {record.within_s:g} s" if lost else ""
        rows.append(f"| {' | '.join(cells)} | {len(values)} | {told} |")
    if record.error:
        error = record.error.splitlines()[0][:160]
        rows.append(f"| {record.workload} | {record.peer} | broke off | | | | {error} |")
    return rows


def _stage_rows(record: Record) -> list[str]:
    """In the order in which they were met, in milliseconds."""
    at_ms = {name: 1000 * at for name in record.samples if (at := record.median(name)) is not None}
    rows: list[str] = []
    for name in sorted(at_ms, key=lambda each: at_ms[each]):
        slowest = 1000 * max(record.arrived(name))
        rows.append(f"| {name} | {at_ms[name]:.1f} | {slowest:.1f} |")
    return rows


def _stages(record: Record | None) -> list[str]:
    if record is None:
        return []
    return [
        "## One change's way",
        "",
        "Milliseconds from the close of a 10 KiB file in A to these moments, written down by the processes",
        "(`bench/stages.py`). What is listed for A after its frames are on their way goes on beside B.",
        "",
        "| moment | median | latest |",
        "| --- | --- | --- |",
        *_stage_rows(record),
        "",
    ]


def _what_was_done(size: Size) -> str:
    return f"""\
- **latency**: files of 10 KiB, one at a time, {size.gap_s:g} s apart, among {size.small_folder_files:,}
  others; from just before `close` in A until the whole content is read in B (a look each millisecond).
  {size.singles} of them, or as many as a slow peer takes in {SINGLES_FOR_S:g} s.
- **{OVER_SSH}**: the same, with B in the home directory behind an sshd on the loopback address, which is
  connected with before.
- **{TO_STOCK}**: the same, to a bare repository there, where only git and git-annex are; until a branch
  there names the file and its content is there. instep leaves 10 KiB to git and annexes 100 KiB, the
  others annex both.
- **burst**: {size.burst_files:,} files of 4 KiB in 20 directories, creating them included. A peer that does
  not get it done within {BURST_WITHIN_S:g} s is not asked again.
- **large**: one file of {size.large_mib} MiB, from its close.
- **rename**: a directory of {size.renamed_files} files of 4 KiB, until all new names are there and no old
  one is.
- **latency through a hub**: the same, over ssh to a third folder and from there to the other one.
- **latency over 50 ms**: the same, with everything between the two computers 50 ms late (`bench/delay.py`).
- **text edit during an upload**: such files while nothing else goes on, and while one of
  {2 * size.large_mib} MiB is on its way over the same connection.
- **reconnect**: a wire is pulled out until that was noticed, and put in again; from then until a file that
  was written meanwhile is over there.
- **commands**: what a person waits for, in a folder of {size.few_files:,} files.
- **100,000 files**, **1,000,000 files**: the same single files and burst among so many (in this run
  {size.big_folder_files:,} and {size.huge_folder_files:,}). *set up*: until both stand, the first
  taken in from plain files, the other (of empty files) from two repositories with one history. *start to in
  step*: `instep up` of a settled folder until its status says so. Memory (PSS, MiB) of each process.
- **idle**: {size.idle_s:g} s of nothing in two folders of {size.few_files:,} files; CPU seconds, proportional
  (PSS) and unique (USS) MiB of each folder's process and its children.

Burst, large and rename are measured {size.turns} times, the peers taking turns.
"""


def write_report(path: Path, records: Sequence[Record], size: Size, machine: str) -> None:
    """Writes RESULTS.md. What a person has to say of the run stands in NOTES.md."""
    records = joined(records)
    results = Results(records)
    lines = [
        "# Results",
        "",
        "Written by `make bench`, all of it measured in one run; raw samples are in `results.jsonl`, and",
        "what is to say of the run in `NOTES.md`.",
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
        *(row for record in records if record.workload != STAGES for row in _figure_rows(record)),
        "",
        *_stages(results.record(STAGES, INSTEP)),
        _what_was_done(size),
    ]
    path.write_text("\n".join(lines).rstrip() + "\n")
