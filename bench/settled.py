"""Folders with very many files: what one change costs there, what memory, and what a start."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from instep.daemon.client import ask

from .arrival import LOOK_EVERY_S, now
from .peers import Instep, Peer
from .processes import usage
from .workloads import Samples, Size, one_at_a_time, one_burst, settle


def huge(peer: Peer, size: Size) -> None:
    """A million files in both folders, a hundred in a directory: made by git itself, and cloned, because that
    is quick; two repositories with one history. They are empty, or 8 GiB would be written for nothing."""
    peer.run("git", "init", "-q", "-b", "main", peer.a)
    with subprocess.Popen(
        ["git", "-C", str(peer.a), "fast-import", "--quiet"], stdin=subprocess.PIPE, env=peer.environment
    ) as importing:
        assert importing.stdin is not None
        for piece in _history(size.huge_folder_files):
            importing.stdin.write(piece)
    peer.run("git", "-c", "checkout.workers=0", "checkout", "-q", "main", cwd=peer.a)
    peer.run("git", "-c", "checkout.workers=0", "clone", "-q", peer.a, peer.b)
    peer.run("git", "remote", "remove", "origin", cwd=peer.b)
    time.sleep(2)  # the files are to be older than whatever looks at them next
    for folder in (peer.a, peer.b):
        peer.run("git", "update-index", "-q", "--refresh", cwd=folder)


def _history(files: int) -> Iterator[bytes]:
    """One commit, as git fast-import reads it."""
    yield b"commit refs/heads/main\ncommitter Bench <bench@example.org> 1700000000 +0000\ndata 6\nbegin\n"
    for n in range(files):
        yield b"M 644 inline many/%d/%d/%d.txt\ndata 0\n\n" % (n // 10_000, n // 100, n)


def among_many(peer: Peer, size: Size) -> Samples:
    """One file at a time; then, of instep, a burst, the memory of its processes, and starts."""
    samples = one_at_a_time(peer, size)
    if isinstance(peer, Instep):
        samples["burst"] = [one_burst(peer, "burst", size)]
        samples |= _memory() | _starts(peer, size)
    return samples


def _memory() -> Samples:
    """Of each folder's process, once it has settled."""
    settle(5)
    return {"pss_mib": [used.pss_mib for used in usage().values()]}


def _starts(peer: Instep, size: Size) -> Samples:
    """`instep up` of a settled folder whose other side runs, until it says "in step", beside `git status`, in
    turns. The folder was quiet for long enough that git's index is written, and git has looked once.
    """
    peer.run(peer.command, "wait", peer.a)
    settle(20)
    samples: Samples = {"start to in step": [], "git status": []}
    _seconds(peer, "git", "-C", peer.a, "status", "--porcelain")
    for _ in range(size.starts):
        peer.run(peer.command, "down", peer.a)
        samples["git status"].append(_seconds(peer, "git", "-C", peer.a, "status", "--porcelain"))
        start = now()
        peer.run(peer.command, "up", peer.a)
        _until_in_step(peer)
        samples["start to in step"].append(now() - start)
    return samples


def _until_in_step(peer: Instep) -> None:
    """Asked over the socket: a command's own start would count twice."""
    os.environ["XDG_RUNTIME_DIR"] = peer.environment["XDG_RUNTIME_DIR"]
    while not ask(peer.a, "status")["in_step"]:
        time.sleep(LOOK_EVERY_S)


def _seconds(peer: Peer, *command: str | Path) -> float:
    start = now()
    peer.run(*command)
    return now() - start
