"""From a change in `a` to its last byte in `b`.

A sample ends at the start of the look that found all content right; looks are a millisecond apart. What does
not arrive in time is counted as lost and never as a time.
"""

import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .peers import Peer

LOOK_EVERY_S = 0.001
now = time.perf_counter


def is_same(path: Path, content: bytes) -> bool:
    """Whether the file is there with exactly this content."""
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False


def put(path: Path, content: bytes) -> float:
    """Writes a new file; the moment just before it was closed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb", buffering=0) as file:
        view = memoryview(content)
        while view:
            view = view[file.write(view) :]
        return now()


def wait_for(
    root: Path, files: Mapping[str, bytes], since: float, limit_s: float, gone: Path | None = None
) -> float | None:
    """Seconds from `since` until every file is right below `root` and `gone` holds no file; None: never. One
    file at a time is looked at, the last one first, so that looking stays cheap."""
    left = list(files)
    while True:
        look = now()
        while left and is_same(root / left[-1], files[left[-1]]):
            left.pop()
        if not left and (gone is None or not any(names for _, _, names in os.walk(gone))):
            return look - since
        if look - since > limit_s:
            return None
        time.sleep(LOOK_EVERY_S)


def arrive(
    peer: Peer, files: Mapping[str, bytes], since: float, limit_s: float, gone: Path | None = None
) -> float | None:
    """Kicks the peer and meanwhile waits for the files in `b`. A failure of the kick is raised at the end."""
    with ThreadPoolExecutor(1) as pool:
        kick = pool.submit(peer.kick)
        found = wait_for(peer.b, files, since, limit_s, gone)
        kick.result()
    return found
