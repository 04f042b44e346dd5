"""A person's git at work is waited for; one that was killed is not (I27)."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from instep.git.repository import Repository
from instep.steps.turns import LOOK_S, Turns
from tests.conftest import RepositoryMaker, run_git

from .side import Recorder

pytestmark = pytest.mark.anyio


class Turn:
    """A repository, and the lock that a person's git takes there."""

    def __init__(self, repo: Repository) -> None:
        self.board = Recorder()
        self.turns = Turns(repo, self.board)
        self.lock = Path(os.fsdecode(repo.git_dir)) / "index.lock"

    def lock_for(self, age_s: float) -> None:
        """As if a git had taken the lock so long ago."""
        self.lock.touch()
        then = time.time() - age_s
        os.utime(self.lock, (then, then))


@pytest.fixture
def turn(plain_repository: RepositoryMaker) -> Iterator[Turn]:
    folder = plain_repository()
    (folder / "file").write_bytes(b"file\n")
    run_git(folder, "add", "file")
    repo = Repository.open(folder)
    yield Turn(repo)
    repo.close()


async def test_a_lock_is_waited_for(turn: Turn) -> None:
    turn.lock_for(0)
    done = anyio.Event()

    async def wait() -> None:
        await turn.turns.wait()
        assert not turn.lock.exists()
        done.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert not done.is_set()
        turn.lock.unlink()
    assert done.is_set()
    assert turn.board.logged == []


@pytest.mark.parametrize("age_s", [0, 5, 3600, -1e9], ids=["just now", "lately", "long ago", "in the future"])
async def test_the_lock_of_a_killed_git_goes(turn: Turn, age_s: float) -> None:  # I20 I27
    turn.lock_for(age_s)
    await turn.turns.wait()
    assert not turn.lock.exists()
    (logged,) = turn.board.logged
    assert "index.lock" in logged[1]


async def test_a_living_git_that_holds_it_for_long_keeps_it(turn: Turn) -> None:  # I27
    command = ["git", "-C", str(turn.lock.parent.parent), "cat-file", "--batch"]
    async with await anyio.open_process(["sh", "-c", '"$@"; :', "sh", *command]) as git:
        assert git.stdin is not None
        assert git.stdout is not None
        await git.stdin.send(b"HEAD\n")
        await git.stdout.receive()  # it is there
        turn.lock_for(3600)
        await turn.turns.wait()
        assert turn.lock.exists()
        with suppress(anyio.BrokenResourceError):
            await git.stdin.aclose()
    assert turn.board.logged == []


async def test_a_git_that_has_no_lock_yet_is_waited_for_once_it_said_where_it_begins(
    turn: Turn,
) -> None:  # I27
    """As a merge does. This one is a pull, which is held up by what it pulls from."""
    folder, fifo = turn.lock.parent.parent, turn.lock.parent / "fifo"
    os.mkfifo(fifo)
    done = anyio.Event()

    async def wait() -> None:
        await turn.turns.wait()
        done.set()

    command = ["git", "pull", "--upload-pack", f"cat {fifo}; :", str(folder), "main"]
    command = ["sh", "-c", '"$@"; :', "sh", *command]  # a child of ours would not count
    async with await anyio.open_process(command, cwd=folder), anyio.create_task_group() as tasks:
        with await anyio.to_thread.run_sync(lambda: fifo.open("wb")):  # once it is read
            await turn.turns.wait()
            (folder / ".git/ORIG_HEAD").write_text("from here\n")
            tasks.start_soon(wait)
            await anyio.sleep(5 * LOOK_S)
            assert not done.is_set()
    assert done.is_set()


async def test_a_mark_differs_once_a_git_was_at_work(turn: Turn) -> None:
    before = turn.turns.mark()
    assert before == turn.turns.mark()
    turn.lock_for(0)
    assert turn.turns.mark() != before
    turn.lock.unlink()
    folder = turn.lock.parent.parent
    (folder / "other").write_bytes(b"other\n")
    run_git(folder, "add", "other")
    assert turn.turns.mark() != before
