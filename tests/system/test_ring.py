"""Three folders, each linked with both others: all come to one head, and then there is silence."""

from pathlib import Path

from .harness import Pair, eventually, head
from .worktree import differences, write


def test_three_in_a_ring(pair: Pair, tmp_path: Path) -> None:  # I13 I16 I19
    c = tmp_path / "c"
    pair.up()
    pair.instep("up", pair.a, c)
    pair.instep("up", pair.b, c)
    folders = (pair.a, pair.b, c)
    for number in range(25):
        for folder in folders:
            write(folder, f"shared-{number % 3}.txt", b"%s %d\n" % (folder.name.encode(), number))
            write(folder, f"own-{folder.name}/{number}", b"%d\n" % number)

    def are_one() -> bool:
        for folder in folders:
            pair.instep("wait", "--timeout", "60", folder)
        return len({head(folder) for folder in folders}) == 1 and not differences(pair.a, c)

    eventually(are_one, "one head")
    assert not differences(pair.a, pair.b)
    heads = {head(folder) for folder in folders}
    eventually(lambda: all(pair.status(folder)["in_step"] for folder in folders), "in step")
    assert {head(folder) for folder in folders} == heads
