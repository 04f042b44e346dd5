"""What hangs is left behind, and nothing else is sent after it."""

import threading

import anyio
import pytest

from instep.remotes.aside import Aside
from instep.remotes.errors import DoesNotAnswer

pytestmark = pytest.mark.anyio


async def test_what_answers_is_given_on() -> None:
    aside = Aside()
    assert await aside.run(lambda: 7) == 7
    with pytest.raises(OSError, match="gone"):
        await aside.run(_fail)


def _fail() -> None:
    raise OSError(5, "gone")


async def test_what_hangs_is_left_behind_until_it_comes_back() -> None:  # I25
    aside, begun, let_go = Aside(answer_within_s=0.01), threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        let_go.wait()

    while not begun.is_set():  # on a busy machine its thread may not have begun in that time
        with pytest.raises(DoesNotAnswer):
            await aside.run(hang)
    with pytest.raises(DoesNotAnswer):
        await aside.run(lambda: 1)
    let_go.set()
    with anyio.fail_after(10):
        while True:
            try:
                assert await aside.run(lambda: 2) == 2
            except DoesNotAnswer:
                await anyio.to_thread.run_sync(lambda: None)
            else:
                break


async def test_a_cancel_does_not_wait() -> None:  # I25
    aside, let_go = Aside(), threading.Event()
    with anyio.move_on_after(0.01) as scope:
        await aside.run(let_go.wait, long=True)
    assert scope.cancelled_caught
    let_go.set()
