"""Where the time of one change goes: two traced instep processes, and what they wrote down."""

import json
import os
import subprocess
import sys
from pathlib import Path

from . import stages
from .arrival import arrive, put
from .peers import Instep, Peer
from .workloads import KIB, SINGLE_WITHIN_S, Samples, Size, pause, settle, sync_in

_ROOT = Path(__file__).parents[1]
_UP_WITHIN_S = 30


class TracedInstep(Instep):
    """Two folders as ever, made by instep, whose processes then write down when they call what."""

    def start(self) -> None:
        super().start()
        super().stop()
        self._processes = {folder: self._trace(folder) for folder in (self.a, self.b)}
        for folder in self._processes:
            self.run(self.command, "wait", "--timeout", str(_UP_WITHIN_S), folder)

    def stop(self) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            process.wait(_UP_WITHIN_S)

    def calls(self) -> dict[str, list[stages.Call]]:
        """What the stopped processes wrote down, by side."""
        return {
            folder.name: [
                (name, begin, end) for name, begin, end in json.loads(self._file(folder).read_text())
            ]
            for folder in self._processes
        }

    def _file(self, folder: Path) -> Path:
        return self.work / f"calls-{folder.name}.json"

    def _trace(self, folder: Path) -> subprocess.Popen[bytes]:
        """Returns when the folder answers."""
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.traced", "up", "--foreground", folder],
            cwd=_ROOT,
            env=self.environment | {"BENCH_TRACE": str(self._file(folder))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        os.read(process.stdout.fileno(), 1)
        return process


def one_changes_way(peer: Peer, size: Size) -> Samples:
    """Files of 10 KiB as for the latency, and the moments at which each was met."""
    assert isinstance(peer, TracedInstep)
    sync_in(peer, {"canary": b"canary\n"})
    settle()
    closed: list[float] = []
    seen: list[float | None] = []
    for n in range(size.singles):
        name, content = f"single-{n}.bin", os.urandom(10 * KIB)
        closed.append(put(peer.a / name, content))
        seen.append(arrive(peer, {name: content}, closed[-1], SINGLE_WITHIN_S))
        pause(size)
    peer.stop()
    return stages.moments(closed, peer.calls()) | {"a reader finds it whole in B": seen}
