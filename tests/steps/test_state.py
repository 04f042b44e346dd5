"""What the steps share: one writer, and what an entry stands for."""

import threading

import anyio
import pytest

from instep.core.pointers import link_target, pointer
from instep.core.types import MODE_FILE, MODE_LINK, MODE_TREE, Entry, Object
from tests.steps.side import Side, big, p

pytestmark = pytest.mark.anyio


async def test_one_writer_at_a_time(a: Side) -> None:
    running: list[str] = []
    gates = {name: threading.Event() for name in ("one", "two")}

    def work(name: str) -> None:
        running.append(name)
        gates[name].wait(10)

    async with anyio.create_task_group() as tasks:
        for name in gates:
            tasks.start_soon(a.state.work, lambda name=name: work(name))
        await anyio.wait_all_tasks_blocked()
        while not running:
            await anyio.to_thread.run_sync(lambda: None)
        (first,) = running
        gates[first].set()
        gates["two" if first == "one" else "one"].set()
    assert sorted(running) == ["one", "two"]


async def test_work_is_never_left_half_way(a: Side) -> None:  # I27
    started, go_on = threading.Event(), threading.Event()
    done: list[bool] = []

    def work() -> None:
        started.set()
        go_on.wait(10)
        done.append(True)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(a.state.work, work)
        await anyio.to_thread.run_sync(started.wait)
        tasks.cancel_scope.cancel()
        go_on.set()
    assert done == [True]


def test_the_key_of_an_entry(a: Side) -> None:
    a.save("film.bin", big("film"))
    key = a.key("film.bin")
    form = a.state.repo.format
    blobs = {
        name: Object(b"blob", data)
        for name, data in {
            "pointer": pointer(key),
            "link": link_target(key, p("x")),
            "text": b"/annex/objects/none of git-annex's\nwords",
            "long": pointer(key) + b"x" * 40_000,
        }.items()
    }
    oids = {name: form.hash(b"blob", item.data) for name, item in blobs.items()}
    a.state.repo.objects.remember({oids[name]: item for name, item in blobs.items()})
    assert a.state.key_of(Entry(MODE_FILE, oids["pointer"])) == key
    assert a.state.key_of(Entry(MODE_LINK, oids["link"])) == key
    assert a.state.key_of(Entry(MODE_FILE, oids["text"])) is None
    assert a.state.key_of(Entry(MODE_FILE, oids["long"])) is None
    assert a.state.key_of(Entry(MODE_TREE, form.empty_tree)) is None
