"""Three folders, each linked with both others: all come to one head, and then there is silence."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .harness import Cluster, eventually, head
from .worktree import write


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster([tmp_path / name for name in "abc"], [(0, 1), (0, 2), (1, 2)]) as ring:
        yield ring


def test_three_in_a_ring(ring: Cluster) -> None:  # I13 I16 I19
    ring.up()
    for number in range(25):
        for folder in ring.folders:
            write(folder, f"shared-{number % 3}.txt", b"%s %d\n" % (folder.name.encode(), number))
            write(folder, f"own-{folder.name}/{number}", b"%d\n" % number)
    apart: list[str] = []

    def are_one() -> bool:
        ring.wait()
        heads = {head(folder) for folder in ring.folders}
        apart[:] = ring.differences() + sorted(heads) * (len(heads) > 1)
        return not apart

    try:
        eventually(are_one, "one head")
    except AssertionError:
        assert apart == []
        raise
    heads = {head(folder) for folder in ring.folders}
    eventually(lambda: all(ring.status(folder)["in_step"] for folder in ring.folders), "in step")
    assert {head(folder) for folder in ring.folders} == heads
