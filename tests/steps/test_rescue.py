"""What an installation displaced and nobody else has, stays in the folder under a name of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import anyio
import pytest

from instep.core.pointers import link_target
from instep.core.types import RelPath
from instep.fs.crash import VARIABLE
from instep.steps.rescue import RescueStep
from tests.steps.side import Side, SideMaker, big, p

pytestmark = pytest.mark.anyio


async def rescued(side: Side) -> list[RelPath]:
    """The names that the step gives to what lies there at the start."""
    found: list[RelPath] = []
    told = anyio.Event()

    def put(paths: Iterable[RelPath]) -> None:
        found.extend(paths)
        told.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(RescueStep(side.state, put).run)
        await told.wait()
        tasks.cancel_scope.cancel()
    return found


def displaced(side: Side, name: str) -> Path:
    """Where a file lies that a killed process had displaced from `name`."""
    return side.folder / ".git/instep/displaced" / ("0-0~" + name.replace("/", "%2F"))


async def test_what_only_this_file_holds_is_kept_beside_its_path(a: Side) -> None:  # I1 I27
    a.save("d/one", "new")
    displaced(a, "d/one").write_text("written at the last moment")
    (name,) = await rescued(a)
    assert name.startswith(b"d/one.variant-")
    assert a.read(os.fsdecode(name)) == b"written at the last moment"
    a.commit(os.fsdecode(name))
    assert len(a.names()) == 2


async def test_a_clean_end_leaves_nothing_behind_but_what_is_written_to(a: Side, b: Side) -> None:  # I1
    a.save("one", "1")
    a.save("two", "1")
    b.merge(a)
    a.save("one", "2")
    a.save("two", "2")
    b.merge(a)
    (two,) = b.folder.glob(".git/instep/displaced/*two")
    writer = os.open(two, os.O_WRONLY)  # as if it had been opened an instant before
    await RescueStep(b.state, lambda _: None).finish()
    assert list(b.folder.glob(".git/instep/displaced/*")) == [two]
    os.close(writer)
    await RescueStep(b.state, lambda _: None).finish()
    assert list(b.folder.glob(".git/instep/displaced/*")) == []


@pytest.mark.parametrize("data", [b"old", big("old")])
async def test_what_the_history_has_goes(a: Side, data: bytes) -> None:
    a.save("one", data)
    a.save("one", "new")
    displaced(a, "one").write_bytes(data)
    assert await rescued(a) == []
    assert not displaced(a, "one").exists()
    assert a.files() == {"one": b"new"}


async def test_a_link_is_itself_and_not_what_it_leads_to(a: Side) -> None:  # I1
    a.write("one", "never committed")
    (a.folder / "link").symlink_to(a.folder / "one")
    a.commit("link")
    displaced(a, "link").symlink_to(a.folder / "one")
    assert await rescued(a) == []
    displaced(a, "link").symlink_to("nowhere")
    (name,) = await rescued(a)
    assert os.readlink(a.folder / os.fsdecode(name)) == "nowhere"


async def test_a_file_whose_path_was_lost_is_kept_too(a: Side) -> None:  # I1
    a.save("one", "1")
    (a.folder / ".git/instep/displaced/0-0").write_text("whose?")
    (name,) = await rescued(a)
    assert a.read(os.fsdecode(name)) == b"whose?"


async def test_where_its_directory_is_a_file_by_now_it_comes_to_the_top(a: Side) -> None:  # I1
    a.save("d", "a file")
    displaced(a, "d/one").write_text("written at the last moment")
    (name,) = await rescued(a)
    assert name.startswith(b"one.variant-")
    assert a.read(os.fsdecode(name)) == b"written at the last moment"
    assert not displaced(a, "d/one").exists()


RESCUE = """
import sys
from pathlib import Path

import anyio

from instep.steps.rescue import RescueStep
from tests.steps.side import Side

step = RescueStep(Side.open(Path(sys.argv[1])).state, print)
anyio.run(step.run)
"""


def die_rescuing(folder: Path, point: str) -> None:
    """A process that is killed at this point of the rescue."""
    died = subprocess.run(
        [sys.executable, "-c", RESCUE, str(folder)],
        env=os.environ | {VARIABLE: point},
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert died.returncode == -signal.SIGKILL


@pytest.mark.parametrize("point", ["synced", "created", "rescued"])
async def test_a_kill_on_the_way_loses_nothing(side: SideMaker, point: str) -> None:  # I1 I27
    a = side("a")
    displaced(a, "one").write_text("written at the last moment")
    die_rescuing(a.folder, point)
    a = side("a")
    await rescued(a)
    assert b"written at the last moment" in a.files().values()
    assert not displaced(a, "one").exists()


async def test_the_next_free_name_is_taken(a: Side) -> None:
    a.save("one", "1")
    displaced(a, "one").write_text("first")
    (name,) = await rescued(a)
    a.write(os.fsdecode(name), "somebody changed it")
    displaced(a, "one").write_text("first")
    (other,) = await rescued(a)
    assert other != name
    assert (a.read(os.fsdecode(name)), a.read(os.fsdecode(other))) == (b"somebody changed it", b"first")


async def test_what_was_displaced_and_did_not_change_goes_after_a_moment(a: Side, b: Side) -> None:
    a.save("one", "1")
    b.merge(a)
    a.save("one", "2")
    step = RescueStep(b.state, lambda _: None)
    b.merge(a)
    assert b.state.work_tree.settle_due_s is not None
    step.bell.ring()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(step.run)
            while os.listdir(b.folder / ".git/instep/displaced"):
                await anyio.wait_all_tasks_blocked()
                await anyio.to_thread.run_sync(lambda: None)
            tasks.cancel_scope.cancel()
    assert b.commit("one").commit is None
    assert p("one") not in b.state.lag


async def test_a_link_that_was_written_anew_goes(a: Side) -> None:  # I1 I27
    """One that leads to what nothing here names stays."""
    a.save("film.bin", big("film"))
    target = link_target(a.key("film.bin"), p("film.bin"))
    (a.folder / "d").mkdir()
    os.symlink(target, bytes(a.folder / "d/link"))
    a.commit("d/link")
    for place in (a.folder / ".git/instep/displaced").iterdir():
        place.unlink()
    os.symlink(target, displaced(a, "d/link"))
    os.symlink(target, displaced(a, "d/e/other"))
    (name,) = await rescued(a)
    assert name.startswith(b"d/e/other.variant-")
