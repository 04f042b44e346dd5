"""`instep up`: look at every path first, then make, connect and start; side by side where that saves time.

Nothing is changed before everything was looked at, and each part can be done again: `up` on folders that are
in step already changes nothing and only says so.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from instep.daemon.adopt import adopt, template_of
from instep.daemon.client import NotRunning, ask
from instep.daemon.connect import NameTaken, Remotes
from instep.daemon.examine import Refused, check_programs, examine, refuse_nested
from instep.daemon.lock import assistant, holder
from instep.daemon.places import git_dir_of, resolve
from instep.daemon.process import BACKGROUND, StartFailed, Starting
from instep.remotes.dial import LocalPath, parse_remote

A = TypeVar("A")
B = TypeVar("B")


@dataclass(slots=True)
class Brought:
    """One folder that is up. `was`: what was found there. `remotes`: names and addresses in this call."""

    root: Path
    was: str
    branch: str
    is_bare: bool = False
    """Without a work tree: no process of its own, and no remotes."""
    pid: int = 0
    started: bool = False
    remotes: dict[str, str] = field(default_factory=dict[str, str])
    new_remotes: dict[str, str] = field(default_factory=dict[str, str])
    waits_for: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """What a person is to look at before it can be in step: the sentence and the way out of each."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How background processes are started; tests hand in another command."""

    command: Sequence[str] = BACKGROUND


def bring_up(
    folder: Path,
    remotes: Sequence[str],
    *,
    name: str | None,
    start_folder: bool,
    launch: Launch,
    thin: bool = False,
) -> list[Brought]:
    """Do it; the first of the result is the folder itself, its remotes follow. Raises InstepError.

    `name`: what this copy is called (its description in git-annex, and its name as a remote of the others).
    `thin`: folders that are made now keep no second copy of their large files (annex.thin).
    `start_folder`: False if the caller runs the folder's own process in place.
    """
    roots = [resolve(folder), *(_local(text) for text in remotes)]
    refuse_nested(roots)
    with _SideBySide() as at_once:
        checked = at_once.submit(check_programs)
        try:
            found = at_once.each(lambda root: examine(root, may_be_bare=root != roots[0]), roots)
        finally:
            checked.result()  # without a git, that is what is to be said
        template = template_of(found)
        at_once.each(
            lambda one: adopt(one, template, name if one.root == roots[0] else None, thin=thin), found
        )
        brought = [Brought(one.root, one.kind.value, template.branch, one.kind.is_bare) for one in found]
        _connect(brought, name, at_once)
        to_start = brought if start_folder else brought[1:]
        at_once.each(lambda one: _start(one, launch), [one for one in to_start if not one.is_bare])
    return brought


def _local(text: str) -> Path:
    address = parse_remote(text)
    if not isinstance(address, LocalPath):
        raise Refused(
            f"{text} is on another computer; remotes over the network come in a later version.",
            "Name a folder on this computer.",
        )
    return resolve(address.path)


def _connect(brought: list[Brought], name: str | None, at_once: "_SideBySide") -> None:
    """Each remote gets the folder, and the folder each remote. Repositories are written side by side, but
    each by one thread only: git does not wait for the lock of its configuration."""
    here, others = brought[0], brought[1:]
    if not others:
        return
    uuids = at_once.each(lambda one: Remotes(one.root).uuid(), brought)
    uuid_of = dict(zip([one.root for one in brought], uuids, strict=True))
    for other in others:
        if uuid_of[other.root] == uuid_of[here.root]:
            raise Refused(
                f"{other.root} is a plain copy of {here.root}: both have the same git-annex id.",
                f"Give it one of its own: git -C {other.root} annex reinit NEW-NAME",
            )

    def register(one: Brought) -> None:
        for other in others if one is here else [here]:
            _register(one, other, name if other is here else None, uuid_of[other.root])

    at_once.each(register, [one for one in brought if not one.is_bare])


def _register(one: Brought, other: Brought, wanted: str | None, uuid: str | None) -> None:
    try:
        name, is_new = Remotes(one.root).add(other.root, wanted, uuid)
    except NameTaken:
        name, is_new = Remotes(one.root).add(other.root, None, uuid)
    one.remotes[name] = os.fspath(other.root)
    if is_new:
        one.new_remotes[name] = os.fspath(other.root)


def _start(one: Brought, launch: Launch) -> None:
    """Start the folder's process, or tell the one that runs of its new remotes."""
    git_dir = git_dir_of(one.root)
    if git_dir is not None and assistant(git_dir) is not None:
        return  # two that commit to one work tree would be in each other's way
    pid = holder(git_dir) if git_dir else None
    if pid is not None:
        try:
            ask(one.root, "remotes-changed" if one.new_remotes else "status")
        except NotRunning:
            raise StartFailed(
                f"The process of {one.root} (number {pid}) runs but does not answer.",
                f"Stop it and try again: instep down {one.root}",
            ) from None
        one.pid = pid
    else:
        one.pid = Starting(one.root, launch.command).wait()
        one.started = True
    attention = ask(one.root, "status")["attention"]
    one.waits_for = [(item["text"], item["fix"]) for item in attention if item["severity"] == "attention"]


class _SideBySide:
    """Calls a function on several things at once."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=16)

    def __enter__(self) -> "_SideBySide":
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown()

    def submit(self, function: Callable[[], A]) -> Future[A]:
        """Start one call."""
        return self._threads.submit(function)

    def each(self, function: Callable[[A], B], items: Iterable[A]) -> list[B]:
        """The results in order. All calls end before the first error, if any, is raised."""
        futures = [self._threads.submit(function, item) for item in items]
        for future in futures:
            future.exception()
        return [future.result() for future in futures]
