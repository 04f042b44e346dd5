"""An edit that leaves a file's size and times as they were is found, and not overwritten. # I1 I4 I5"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from instep.fs.identity import Identity
from tests.steps.side import BIG, Side, SideMaker, met, p
from tests.system.disk import can_have_disks, whole_seconds

pytestmark = pytest.mark.skipif(not can_have_disks(), reason="needs root, to mount a disk")


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    with whole_seconds(tmp_path) as place:
        yield place


@pytest.fixture(params=["small", "annexed"])
def version(request: pytest.FixtureRequest) -> Callable[[int], bytes]:
    """Versions of a file, all of one size."""
    times = 1 if request.param == "small" else BIG
    return lambda number: b"%09d\n" % number * times


def edited_unseen(side: Side, data: bytes) -> bool:
    """Somebody writes to `file`, if only in the same second as it was written before."""
    before = Identity.of((side.folder / "file").lstat())
    side.write("file", data)
    return Identity.of((side.folder / "file").lstat()) == before


def test_it_is_committed(side: SideMaker, version: Callable[[int], bytes]) -> None:
    a, number, unseen = side("a"), 0, 0
    while unseen < 3:
        number += 2
        a.save("file", version(number))
        unseen += edited_unseen(a, version(number + 1))
        assert a.commit("file").commit == a.head
        assert a.commit("file").commit is None  # I4


def test_a_merge_does_not_overwrite_it(side: SideMaker, version: Callable[[int], bytes]) -> None:
    a, b, number, unseen = side("a"), side("b"), 0, 0
    met(a, b, "file", version(0))
    while unseen < 3:
        number += 3
        a.save("file", version(number))
        b.merge(a)
        assert b.read("file") == version(number)
        unseen += edited_unseen(b, version(number + 1))
        a.save("file", version(number + 2))
        b.merge(a)
        assert {version(number + 1), version(number + 2)} <= set(b.files().values())
        for name in b.files():
            b.write(name, b"").unlink()
        b.commit()
        b.save("file", version(number))
        a.merge(b)


def test_what_was_put_there_is_recognised_by_reading(
    side: SideMaker, version: Callable[[int], bytes]
) -> None:
    a, b = side("a"), side("b")
    met(a, b, "file", version(0))
    a.save("file", version(1))
    b.merge(a)
    assert not b.state.is_echo(p("file"))
    done = b.commit("file")
    assert (done.commit, done.rewritten) == (None, {})
    assert not b.merger.retry([p("file")]).local
    time.sleep(b.state.work_tree.grain.s * 1.1)
    assert b.commit("file").commit is None
    assert b.state.is_echo(p("file")), "now it is known"
