"""One link to each peer, whoever dials; who is not there is tried again; who is removed is forgotten."""

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketStream, TaskGroup, UNIXSocketStream

from instep.core.errors import InstepError
from instep.core.retry import Backoff
from instep.core.rules import Rules
from instep.daemon import peers, remote
from instep.daemon.board import StatusBoard
from instep.daemon.peers import CALLS_NOBODY, NOT_NOW, Peers
from instep.daemon.reach import Place
from instep.daemon.troubles import Troubles
from instep.remotes.aside import Aside
from instep.remotes.dial import PREAMBLE, SshAddress
from instep.remotes.frames import Hello
from instep.remotes.link import Link, open_link
from instep.remotes.same_files import feature
from instep.remotes.socket_path import socket_path
from instep.remotes.ssh_program import SshProgram
from instep.remotes.stock import StockRemote
from instep.steps.session import Session
from instep.steps.stock import StockSession

pytestmark = pytest.mark.anyio

PATIENCE_S = 10.0
SAME_COMPUTER = feature() or ""


class Log:
    """Where the board's lines go."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def append(self, event: str, text: str, facts: dict[str, object]) -> None:
        self.lines.append(text)


class Used(Session):
    """A session that only lasts as long as its link."""

    def __init__(self, link: Link, name: str) -> None:
        self.link = link
        self.name = name


class Owner:
    """A folder of which only the links matter."""

    def __init__(self, uuid: str, *, is_guest: bool = False) -> None:
        self.uuid = uuid
        self.guests: list[Path] = []
        self.log = Log()
        self.board = StatusBoard("/folder", self.log)
        self.peers = Peers(self, self.board, Troubles(self.board), is_guest=is_guest)

    def hello(self) -> Hello:
        return Hello(1, 1, "test", self.uuid, "sha1", "/folder", (SAME_COMPUTER,))

    def ssh_program(self) -> SshProgram:
        return SshProgram("false")

    def links_changed(self) -> None:
        pass

    def session(self, link: Link, name: str) -> Session:
        return Used(link, name)

    async def use(self, session: Session) -> None:
        async for _ in session.link:
            pass

    def start_guest(self, place: Path) -> None:
        self.guests.append(place)
        raise InstepError("no guest comes")

    def open_stock(self, name: str, place: Place | SshAddress, aside: Aside) -> StockRemote:
        raise NotImplementedError  # tests/system/test_stock_peers.py

    def stock_session(self, remote: StockRemote, name: str, rules: Rules, aside: Aside) -> StockSession:
        raise NotImplementedError

    async def use_stock(self, session: StockSession) -> None:
        raise NotImplementedError

    async def until(self, **remotes: bool) -> None:
        """Wait until the board knows just these remotes, reachable or not."""
        version = 0
        with anyio.fail_after(PATIENCE_S):
            while {r.name: r.reachable for r in self.board.status().remotes} != remotes:
                version = await self.board.changed(version)

    async def until_said(self, reason: str) -> None:
        """Wait until this is said of the one remote."""
        version = 0
        with anyio.fail_after(PATIENCE_S):
            while [r.reason for r in self.board.status().remotes] != [reason]:
                version = await self.board.changed(version)


async def _pair() -> tuple[UNIXSocketStream, UNIXSocketStream]:
    ours, theirs = socket.socketpair()
    return await UNIXSocketStream.from_socket(ours), await UNIXSocketStream.from_socket(theirs)


@asynccontextmanager
async def calling(
    owner: Owner,
    uuid: str,
    place: str = "/other",
    computer: str = SAME_COMPUTER,
    wire: bytes = b"",
) -> AsyncGenerator[Link]:
    """Somebody calls, and says `wire` past the link."""
    here, there = await _pair()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(owner.peers.accept, here)
        hello = Hello(1, 1, "test", uuid, "sha1", place, (computer,))
        async with open_link(there, hello, dialled=True) as link:
            if wire:
                await there.send(wire)
            yield link
    await anyio.aclose_forcefully(here)


@asynccontextmanager
async def serving(tasks: TaskGroup, folder: Path, owner: Owner) -> AsyncGenerator[None]:
    """The other folder's process, where a dialler looks for it."""

    async def answer(stream: SocketStream) -> None:
        assert await stream.receive(len(PREAMBLE)) == PREAMBLE
        await owner.peers.accept(stream)

    (folder / ".git/instep").mkdir(parents=True, exist_ok=True)
    (folder / ".git/HEAD").touch()
    (folder / ".git/instep/lock").touch()
    async with await anyio.create_unix_listener(socket_path(folder)) as listener:
        tasks.start_soon(listener.serve, answer)
        yield


@pytest.fixture
def low() -> Owner:
    return Owner("11111111-low")


@pytest.fixture
def high() -> Owner:
    return Owner("99999999-high")


async def test_who_calls_has_a_name_and_is_forgotten_when_it_goes(low: Owner) -> None:
    async with calling(low, "55555555-other"):
        await low.until(**{"other-55555555": True})
        assert list(low.peers.sessions) == ["other-55555555"]
    assert low.peers.sessions == {}
    await low.until()


async def test_who_waits_hears_when_a_link_has_ended(low: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """I16 I29: what it had outstanding is not, and nothing else may happen for long."""
    sessions: list[list[str]] = []
    monkeypatch.setattr(low, "links_changed", lambda: sessions.append(list(low.peers.sessions)))
    async with calling(low, "55555555-other"):
        await low.until(**{"other-55555555": True})
        sessions.clear()
    assert sessions == [[]]


async def test_a_remote_that_calls_is_known_by_its_place(low: Owner) -> None:
    low.peers.set({"friend": "/other"})
    async with calling(low, "55555555-other"):
        await low.until(friend=True)
    await low.until(friend=False)


@pytest.mark.parametrize("rules", [{"far": Rules(content=False)}, {}])
async def test_what_it_lacks_is_not_said_when_nobody_minds(
    low: Owner, rules: dict[str, Rules]
) -> None:  # I22 I29
    low.peers.set({"far": "host:x"})
    low.board.raise_condition("remote-without-annex-shell", "far")
    assert low.board.status().attention
    low.peers.set(dict.fromkeys(rules, "host:x"), rules)
    assert low.board.status().attention == []


async def test_a_path_of_another_computer_is_nothing_to_go_by(low: Owner) -> None:
    low.peers.set({"friend": "/other", "known": "host:x"}, uuids={"known": "66666666-known"})
    async with calling(low, "55555555-other", computer="files-elsewhere"):
        await low.until(**{"friend": False, "known": False, "other-55555555": True})
    async with calling(low, "66666666-known", computer="files-elsewhere"):
        await low.until(friend=False, known=True)


async def test_who_breaks_the_protocol_is_told_of_once_and_sent_away(low: Owner) -> None:  # I25
    async with calling(low, "55555555-other", wire=b"\xff\xff\xff\xff") as link:
        assert [frame async for frame in link] == []
        assert "longer than" in (link.farewell or "")
    said = [item.code for item in low.board.status().attention]
    assert said == ["remote-refused"]
    lines = len(low.log.lines)
    for _ in range(3):
        async with calling(low, "55555555-other") as link:
            assert [frame async for frame in link] == []
            assert link.farewell == NOT_NOW
    assert len(low.log.lines) == lines, "nothing more is said of it"
    async with calling(low, "66666666-another"):
        await low.until(**{"other-66666666": True})


async def test_a_new_call_takes_the_place_of_the_old_one(low: Owner) -> None:
    async with calling(low, "55555555-other") as first:
        await low.until(**{"other-55555555": True})
        async with calling(low, "55555555-other"):
            with anyio.fail_after(PATIENCE_S):
                async for _ in first:
                    pass
            await low.until(**{"other-55555555": True})


async def test_nobody_there_is_said(low: Owner, tmp_path: Path) -> None:  # I29
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(low.peers.run)
        await anyio.wait_all_tasks_blocked()
        low.peers.set({"absent": str(tmp_path)})
        await low.until(absent=False)
        with anyio.fail_after(PATIENCE_S):
            while low.board.counts["log-remote"] == 0 and low.board.status().remotes[0].reason in (
                "",
                "connecting",
            ):
                await low.board.changed(low.board.version)
        assert low.board.status().remotes[0].reason == f"{tmp_path} is no repository"
        tasks.cancel_scope.cancel()


async def test_a_remote_on_a_drive_that_comes_is_tried_at_once(
    low: Owner, high: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "Backoff", lambda: Backoff(first_s=10 * PATIENCE_S))
    tried: list[bool] = []
    monkeypatch.setattr(low, "links_changed", lambda: tried.append(True))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(low.peers.run)
        low.peers.set({"drive": str(tmp_path)})
        await low.until_said(f"{tmp_path} is no repository")
        with anyio.fail_after(PATIENCE_S):
            while not tried:
                await anyio.wait_all_tasks_blocked()
        async with serving(tasks, tmp_path, high):
            low.peers.drives_changed()
            await low.until(drive=True)
            tasks.cancel_scope.cancel()


async def test_a_clone_that_nobody_keeps_gets_a_guest_and_why_not_is_said(  # I29
    low: Owner, tmp_path: Path
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/HEAD").touch()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(low.peers.run)
        low.peers.set({"clone": str(tmp_path)})
        await low.until_said("no guest comes")
        assert set(low.guests) == {tmp_path}
        tasks.cancel_scope.cancel()


async def test_a_guest_calls_nobody_and_is_called(high: Owner, tmp_path: Path) -> None:
    guest = Owner("11111111-guest", is_guest=True)
    async with anyio.create_task_group() as tasks, serving(tasks, tmp_path, high):
        tasks.start_soon(guest.peers.run)
        guest.peers.set({"friend": str(tmp_path)}, uuids={"friend": "55555555-other"})
        await guest.until_said(CALLS_NOBODY)
        assert guest.peers.connecting == []
        assert high.peers.sessions == {}
        async with calling(guest, "55555555-other"):
            await guest.until(friend=True)
        tasks.cancel_scope.cancel()


async def test_a_remote_is_dialled_and_removed(low: Owner, high: Owner, tmp_path: Path) -> None:  # I22
    async with anyio.create_task_group() as tasks, serving(tasks, tmp_path, high):
        tasks.start_soon(low.peers.run)
        await anyio.wait_all_tasks_blocked()
        low.peers.set({"friend": str(tmp_path)})
        await low.until(friend=True)
        low.peers.set({})
        with anyio.fail_after(PATIENCE_S):
            while low.peers.sessions:
                await anyio.wait_all_tasks_blocked()
                await anyio.to_thread.run_sync(lambda: None)
        await low.until()
        tasks.cancel_scope.cancel()


async def test_of_two_links_both_keep_the_one_that_the_lower_dialled(
    low: Owner, high: Owner, tmp_path: Path
) -> None:
    async with (
        anyio.create_task_group() as tasks,
        serving(tasks, tmp_path / "l", low),
        serving(tasks, tmp_path / "h", high),
    ):
        low.peers.set({"h": str(tmp_path / "h")})
        high.peers.set({"l": str(tmp_path / "l")})
        tasks.start_soon(low.peers.run)
        tasks.start_soon(high.peers.run)
        with anyio.fail_after(PATIENCE_S):
            while not (low.peers.sessions and high.peers.sessions) or not all(
                isinstance(session, Session) and session.link.dialled
                for session in low.peers.sessions.values()
            ):
                await anyio.wait_all_tasks_blocked()
                await anyio.to_thread.run_sync(lambda: None)
        assert len(low.peers.sessions) == 1
        tasks.cancel_scope.cancel()


async def test_who_called_before_it_was_a_remote_gets_its_name(
    low: Owner, high: Owner, tmp_path: Path
) -> None:  # I29
    async with (
        anyio.create_task_group() as tasks,
        serving(tasks, tmp_path / "l", low),
        serving(tasks, tmp_path / "h", high),
    ):
        low.peers.set({"h": str(tmp_path / "h")})
        tasks.start_soon(low.peers.run)
        await low.until(h=True)
        high.peers.set({"l": str(tmp_path / "l")})
        tasks.start_soon(high.peers.run)
        await high.until(l=True)
        assert list(high.peers.sessions) == ["l"]
        tasks.cancel_scope.cancel()


async def test_an_address_over_the_network_does_not_stop_the_others(
    low: Owner, tmp_path: Path
) -> None:  # I25
    async with anyio.create_task_group() as tasks:
        low.peers.set({"far": "host:path", "odd": "ext::sh -c x", "near": str(tmp_path)})
        tasks.start_soon(low.peers.run)
        await low.until(far=False, odd=False, near=False)
        tasks.cancel_scope.cancel()


async def test_who_has_paused_us_is_not_called_again_at_once(  # I28
    low: Owner, high: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hear_of_none(changed: object) -> None:
        """What other tests mount would be a reason to call again."""

    monkeypatch.setattr(peers, "follow_drives", hear_of_none)
    high.peers.set({"low": "/folder"}, {"low": Rules(paused=True)})
    async with anyio.create_task_group() as tasks, serving(tasks, tmp_path, high):
        low.peers.set({"friend": str(tmp_path)})
        tasks.start_soon(low.peers.run)
        start_s = anyio.current_time()
        for number in range(50):  # each takes about as long as a call that is refused
            async with calling(low, f"{number}-other"):
                pass
        refusals = sum("can't be reached" in line for line in low.log.lines if line.startswith("friend"))
        assert refusals <= 2 + anyio.current_time() - start_s
        tasks.cancel_scope.cancel()


async def test_a_paused_remote_is_left_alone_whoever_calls(  # I22
    low: Owner, high: Owner, tmp_path: Path
) -> None:
    async with anyio.create_task_group() as tasks, serving(tasks, tmp_path, high):
        tasks.start_soon(low.peers.run)
        low.peers.set({"friend": str(tmp_path)})
        await low.until(friend=True)
        low.peers.set({"friend": str(tmp_path)}, {"friend": Rules(paused=True)})
        await low.until(friend=False)
        [remote] = low.board.status().remotes
        assert (remote.paused, remote.reason, low.board.status().state) == (True, "paused", "syncing")
        while high.peers.sessions:
            await anyio.to_thread.run_sync(lambda: None)
        async with calling(low, "99999999-high", str(tmp_path)) as link:
            assert [frame async for frame in link] == []
            assert link.farewell == NOT_NOW
        low.peers.set({"friend": str(tmp_path)})
        await low.until(friend=True)
        tasks.cancel_scope.cancel()
