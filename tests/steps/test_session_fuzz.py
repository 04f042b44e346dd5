"""Whatever a stranger says over a link: the link may end, the folder stays as it was."""

import os
import random
from pathlib import Path

import anyio
from hypothesis import given
from hypothesis import strategies as st

from instep.remotes.frames import Frame, Hello, Move, Objects, RefMove
from instep.remotes.wire import encode
from tests.remotes.samples import FRAMES
from tests.steps.side import Side
from tests.steps.talk import Desk, stranger
from tests.steps.test_session import evil

MAIN = "refs/heads/synced/main"


def picture(side: Side) -> tuple[object, ...]:
    """All that must not change: the branch, every ref, the work tree, git's own files."""
    git_dir = Path(os.fsdecode(side.state.repo.git_dir))
    refs = sorted(
        (str(path.relative_to(git_dir)), path.read_bytes())
        for path in (git_dir / "refs").rglob("*")
        if path.is_file()
    )
    own = [(git_dir / name).read_bytes() for name in ("HEAD", "config")]
    return side.state.head, refs, own, side.files()


def hostile(side: Side) -> list[list[Frame]]:
    """What has a meaning, and a bad one."""
    bad, objects = evil(side)
    sent = Objects(tuple(objects))
    refs = (MAIN, "refs/heads/main", "HEAD", "refs/heads/git-annex", "refs/tags/x")
    return [[sent, Move(number, (RefMove(ref, None, bad),))] for number, ref in enumerate(refs)]


async def say(side: Side, data: bytes) -> None:
    desk = Desk(side)
    async with stranger(desk) as raw:
        try:
            await raw.stream.send(data)
            await raw.stream.send_eof()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # it has had enough already
        with anyio.fail_after(60):
            await desk.until(lambda: desk.over)


@given(
    st.lists(FRAMES.filter(lambda frame: not isinstance(frame, Hello)), max_size=6), st.integers(0, 1 << 32)
)
def test_no_frames_move_anything(a: Side, frames: list[Frame], seed: int) -> None:  # I1 I23 I25
    if a.state.head is None:
        a.save("one", "1")
    before, chance = picture(a), random.Random(seed)
    groups = [[frame] for frame in frames] + chance.sample(hostile(a), chance.randrange(4))
    chance.shuffle(groups)
    data = bytearray(b"".join(encode(frame) for group in groups for frame in group))
    if data and chance.random() < 0.3:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    anyio.run(say, a, bytes(data))
    assert picture(a) == before
