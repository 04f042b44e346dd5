"""What was measured, and how to ask for it."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

from .workloads import Samples


@dataclass(slots=True)
class Record:
    """One run of one workload with one peer."""

    workload: str
    peer: str
    started: float
    load: float
    within_s: float = 0
    """What took longer is None among the samples."""
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
            f"{name} {number(self.median(name))} (n={len(values)})" for name, values in self.samples.items()
        )
        return f"{self.workload:16} {self.peer:20} {self.error or told}"


def joined(records: Iterable[Record]) -> list[Record]:
    """One record for each workload and peer, whose turns are samples of one run."""
    found: dict[tuple[str, str], Record] = {}
    for record in records:
        place = (record.workload, record.peer)
        if (first := found.get(place)) is None:
            found[place] = Record(record.workload, record.peer, record.started, record.load, record.within_s)
            first = found[place]
        for name, values in record.samples.items():
            first.samples.setdefault(name, []).extend(values)
        first.error = first.error or record.error
    return list(found.values())


class Results:
    """All records of a run, to be asked by workload and peer."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = {(record.workload, record.peer): record for record in records}

    def record(self, workload: str, peer: str) -> Record | None:
        """The run, if there was one."""
        return self._records.get((workload, peer))

    def median(self, workload: str, peer: str, name: str | None = None) -> float | None:
        """The median of a run that did not break off."""
        record = self.record(workload, peer)
        return None if record is None or record.error else record.median(name)

    def most(self, workload: str, peer: str, name: str) -> float | None:
        """The largest of the samples."""
        record = self.record(workload, peer)
        return max(record.arrived(name), default=None) if record and not record.error else None


def number(value: float | None) -> str:
    """Three digits that mean something."""
    if value is None:
        return "-"
    return f"{value:.4f}" if value < 0.1 else f"{value:.3f}" if value < 10 else f"{value:.1f}"
