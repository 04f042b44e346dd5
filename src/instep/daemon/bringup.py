"""`instep up`: look at every path first, then make, connect and start; side by side where that saves time.

Nothing is changed before everything was looked at, and each part can be done again: `up` on folders that are
in step already changes nothing and only says so.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, Union

from instep.daemon.adopt import template_of
from instep.daemon.connect import NameTaken, Place, Remotes
from instep.daemon.examine import Refused, check_programs, refuse_nested
from instep.daemon.near import NearSide
from instep.daemon.places import resolve
from instep.daemon.process import Launch
from instep.daemon.setting_up import SettingUp
from instep.remotes.dial import LocalPath, SshAddress, parse_remote

if TYPE_CHECKING:
    from instep.daemon.ssh_side import SshSide

A = TypeVar("A")
B = TypeVar("B")

Side = Union[NearSide, "SshSide"]


@dataclass(slots=True)
class Brought:
    """One folder that is up. `was`: what was found there. `remotes`: names and addresses in this call."""

    place: Place
    was: str
    branch: str
    uuid: str | None
    is_bare: bool = False
    """Without a work tree: no process of its own, and no remotes."""
    pid: int = 0
    started: bool = False
    remotes: dict[str, str] = field(default_factory=dict[str, str])
    new_remotes: dict[str, str] = field(default_factory=dict[str, str])
    waits_for: Sequence[tuple[str, str]] = ()
    """What a person is to look at before it can be in step: the sentence and the way out of each."""


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
    addresses = [parse_remote(text) for text in remotes]
    here = NearSide(resolve(folder), launch)
    with _SideBySide() as at_once, ExitStack() as ends:
        sides: list[Side] = [here, *(_side(address, here, launch, ends) for address in addresses)]
        refuse_nested([side.place for side in sides if isinstance(side.place, Path)])
        checked = at_once.submit(check_programs)
        try:
            found = [here.described(), *at_once.each(lambda side: side.described(), sides[1:])]
        finally:
            checked.result()  # without a git, that is what is to be said
        template = template_of(found)
        uuids = at_once.each(
            lambda side: side.adopt(template, name if side is here else None, thin=thin), sides
        )
        brought = [
            Brought(side.place, one.kind, template.branch, uuid, one.is_bare)
            for side, one, uuid in zip(sides, found, uuids, strict=True)
        ]
        _connect(brought, name, at_once)
        to_start = list(zip(sides, brought, strict=True))[0 if start_folder else 1 :]
        at_once.each(_start, [pair for pair in to_start if not pair[1].is_bare])
    return brought


def _side(address: LocalPath | SshAddress, here: NearSide, launch: Launch, ends: ExitStack) -> Side:
    if isinstance(address, LocalPath):
        return NearSide(resolve(address.path), launch, may_be_bare=True)
    from instep.daemon.ssh_side import SshSide  # noqa: PLC0415

    side = SshSide(address, here.ssh_program)
    ends.callback(side.close)
    return side


def _start(one: tuple[Side, Brought]) -> None:
    side, brought = one
    running = side.start(bool(brought.new_remotes))
    brought.pid, brought.started, brought.waits_for = running.pid, running.started, running.waits_for


def _connect(brought: list[Brought], name: str | None, at_once: "_SideBySide") -> None:
    """Each remote gets the folder, and the folder each remote; but one on another computer gets none: whether
    it could call this computer is not known, and it need not, as both directions flow over one connection.

    Repositories are written side by side, but each by one thread only: git does not wait for the lock of its
    configuration.
    """
    here, others = brought[0], brought[1:]
    for other in others:
        if other.uuid is not None and other.uuid == here.uuid:
            raise Refused(
                f"{other.place} is a plain copy of {here.place}: both have the same git-annex id.",
                f"Give it one of its own: git -C {other.place} annex reinit NEW-NAME",
            )

    def register(one: Brought) -> None:
        for other in others if one is here else [here]:
            _register(one, other, name if other is here else None)

    at_once.each(register, [one for one in brought if isinstance(one.place, Path) and not one.is_bare])


def _register(one: Brought, other: Brought, wanted: str | None) -> None:
    assert isinstance(one.place, Path)
    with SettingUp(one.place):
        try:
            name, is_new = Remotes(one.place).add(other.place, wanted, other.uuid)
        except NameTaken:
            name, is_new = Remotes(one.place).add(other.place, None, other.uuid)
    one.remotes[name] = str(other.place)
    if is_new:
        one.new_remotes[name] = str(other.place)


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
