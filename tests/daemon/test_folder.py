"""All steps of two folders in one process: what is done in one is in the other when `wait` says so."""

import shutil
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from anyio.abc import TaskGroup, UNIXSocketStream

from instep.annex.branch import AnnexBranch
from instep.core.errors import InstepError
from instep.core.keys import file_key
from instep.daemon.board import StatusBoard
from instep.daemon.opening import FolderWork
from instep.daemon.service import Service
from instep.fs.listed import MARGIN_NS
from instep.git.repository import Repository
from instep.steps.start import open_folder
from tests.conftest import run_git

pytestmark = pytest.mark.anyio

PATIENCE_S = 20.0


class Log:
    """Where the board's lines go."""

    def append(self, event: str, text: str, facts: dict[str, object]) -> None: ...


class Running:
    """One folder at work."""

    def __init__(self, folder: Path, service: Service, board: StatusBoard) -> None:
        self.folder = folder
        self.service = service
        self.board = board

    def write(self, name: str, data: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def files(self) -> dict[str, bytes]:
        paths = [path for path in self.folder.rglob("*") if path.is_file()]
        named = {str(path.relative_to(self.folder)): path for path in paths}
        return {name: path.read_bytes() for name, path in named.items() if not name.startswith(".git/")}

    async def wait(self) -> None:
        with anyio.fail_after(PATIENCE_S):
            await self.service.wait(None)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `git annex init` makes of an empty folder, once."""
    folder = tmp_path_factory.mktemp("template") / "repository"
    run_git(folder.parent, "init", "-q", "-b", "main", folder.name)
    run_git(folder, "annex", "init", "-q", "ours")
    run_git(folder, "config", "annex.largefiles", "largerthan=1kb")
    run_git(folder, "config", "annex.addunlocked", "true")
    return folder


@pytest.fixture
def folders(empty: Path, tmp_path: Path) -> tuple[Path, Path]:
    for name, uuid in (("a", "11111111"), ("b", "22222222")):
        shutil.copytree(empty, tmp_path / name, symlinks=True)
        run_git(tmp_path / name, "config", "annex.uuid", f"{uuid}-1111-4111-8111-111111111111")
    return tmp_path / "a", tmp_path / "b"


async def start(tasks: TaskGroup, folder: Path) -> Running:
    board, ready, found = StatusBoard(str(folder), Log()), anyio.Event(), list[Service]()

    def answers(service: Service) -> None:
        found.append(service)
        ready.set()

    tasks.start_soon(FolderWork().run, folder, board, answers)
    await ready.wait()
    return Running(folder, found[0], board)


@asynccontextmanager
async def running(folders: tuple[Path, Path]) -> AsyncGenerator[tuple[Running, Running]]:
    """Both at work, and linked."""
    async with anyio.create_task_group() as tasks:
        a, b = await start(tasks, folders[0]), await start(tasks, folders[1])
        ours, theirs = socket.socketpair()
        tasks.start_soon(a.service.accept_link, await UNIXSocketStream.from_socket(ours))
        tasks.start_soon(b.service.accept_link, await UNIXSocketStream.from_socket(theirs))
        for one in (a, b):
            version = 0
            with anyio.fail_after(PATIENCE_S):
                while not one.board.status().remotes:
                    version = await one.board.changed(version)
        yield a, b
        tasks.cancel_scope.cancel()


async def test_files_of_both_kinds_both_ways(folders: tuple[Path, Path]) -> None:  # I7 I29
    async with running(folders) as (a, b):
        a.write("notes/one", b"1")
        a.write("film.bin", b"film" * 1000)
        a.write("large.bin", b"x" * (3 << 20))
        await a.wait()
        assert b.files() == a.files()
        b.write("notes/one", b"2")
        (b.folder / "film.bin").unlink()
        await b.wait()
        assert a.files() == b.files() == {"notes/one": b"2", "large.bin": b"x" * (3 << 20)}
        await a.wait()  # it may not have heard from b yet that both are where they are
        assert a.board.status().in_step
        assert a.service.outstanding(None) == []


async def test_what_was_settled_at_the_end_is_known_at_the_start(empty: Path, exact_disk: Path) -> None:
    """I28"""
    folder = exact_disk / "alone"
    shutil.copytree(empty, folder, symlinks=True)
    async with anyio.create_task_group() as tasks:
        a = await start(tasks, folder)
        a.write("d/one", b"1")
        await a.wait()
        with anyio.fail_after(PATIENCE_S):
            while time.time_ns() - (folder / "d").stat().st_ctime_ns <= MARGIN_NS:  # noqa: ASYNC110
                await anyio.sleep(0.1)  # only time makes it older, and what is younger is not written down
        tasks.cancel_scope.cancel()
    opened = open_folder(folder, StatusBoard(str(folder), Log())).compare()
    assert opened.watcher.all_as_listed
    assert opened.dirty == set()
    opened.close()


async def test_a_wait_for_somebody_unknown_is_refused(folders: tuple[Path, Path]) -> None:
    async with anyio.create_task_group() as tasks:
        a = await start(tasks, folders[0])
        with pytest.raises(InstepError, match="no remote nobody"):
            await a.service.wait("nobody")
        tasks.cancel_scope.cancel()


async def test_settings_and_remotes_take_effect_at_once(folders: tuple[Path, Path]) -> None:  # I22
    async with anyio.create_task_group() as tasks:
        a = await start(tasks, folders[0])
        version = 0
        run_git(a.folder, "config", "remote.far.url", "host:path")
        with anyio.fail_after(PATIENCE_S):
            while not a.board.status().remotes:
                version = await a.board.changed(version)
        run_git(a.folder, "config", "remote.far.annex-sync", "false")
        await a.service.remotes_changed()
        [far] = a.board.status().remotes
        assert (far.paused, far.reason, a.board.status().state) == (True, "paused", "paused")
        run_git(a.folder, "remote", "remove", "far")
        await a.service.remotes_changed()
        assert a.board.status().remotes == []
        tasks.cancel_scope.cancel()


async def test_a_setting_that_turns_bad_holds_what_it_decides_until_it_is_mended(
    folders: tuple[Path, Path],
) -> None:  # I1 I22
    """Nothing is added by a setting that holds no more; a deletion, which it does not decide, goes on."""
    async with anyio.create_task_group() as tasks:
        a = await start(tasks, folders[0])
        a.write("old", b"1")
        a.write("gone", b"1")
        await a.wait()
        version = 0
        run_git(a.folder, "config", "annex.largefiles", "largerthan=lots")
        with anyio.fail_after(PATIENCE_S):
            while not a.board.status().attention:
                version = await a.board.changed(version)
        a.write("old", b"2")
        a.write("new", b"2")
        (a.folder / "gone").unlink()
        await a.wait()
        assert run_git(a.folder, "show", "HEAD:old") == b"1"
        assert run_git(a.folder, "ls-tree", "--name-only", "HEAD") == b"old\n"
        run_git(a.folder, "config", "annex.largefiles", "nothing")
        with anyio.fail_after(PATIENCE_S):
            while a.board.status().attention:
                version = await a.board.changed(version)
        await a.wait()
        assert run_git(a.folder, "show", "HEAD:old") == b"2"
        assert run_git(a.folder, "show", "HEAD:new") == b"2"
        tasks.cancel_scope.cancel()


async def test_where_content_is_gets_known_even_after_a_kill(folders: tuple[Path, Path]) -> None:  # I11 I27
    """The content was stored; who stored it died before it was recorded."""
    folder = folders[0]
    async with anyio.create_task_group() as tasks:
        a = await start(tasks, folder)
        a.write("film.bin", b"film" * 1000)
        await a.wait()
        tasks.cancel_scope.cancel()  # within the time that a fact waits for others
    repo = Repository.open(folder)
    name = next((folder / ".git/annex/objects").rglob("SHA256E*.bin/*")).name
    key, branch = file_key(name.encode()), AnnexBranch(repo)
    async with anyio.create_task_group() as tasks:
        await start(tasks, folder)
        with anyio.fail_after(PATIENCE_S):
            while not branch.locations(key):
                await anyio.to_thread.run_sync(lambda: None)
        tasks.cancel_scope.cancel()
    repo.close()
