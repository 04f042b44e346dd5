"""What can't be read is said, and not taken for gone; all goes on when it can be read."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.conftest import run_git

from .harness import Pair, eventually
from .worktree import Name, read, write

BOUND = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner")


class BoundPair(Pair):
    """Permissions hold for its processes, even if they are root's."""

    def prefix_of(self, args: Sequence[Name]) -> Sequence[str]:
        return BOUND if os.geteuid() == 0 else ()

    def said(self, folder: Path) -> dict[str, str]:
        """What needs a person's attention: subject and code."""
        return {item["subject"]: item["code"] for item in self.status(folder)["attention"]}


@pytest.fixture
def bound(tmp_path: Path) -> Iterator[BoundPair]:
    with BoundPair(tmp_path) as pair:
        yield pair


@pytest.mark.parametrize("way", ["kernel", "look"])
def test_a_directory_that_cannot_be_listed(bound: BoundPair, way: str) -> None:  # I1 I2 I29
    a, b = bound.a, bound.b
    write(a, "never/read", b"never read\n")
    write(a, "known/one", b"one\n")
    write(a, "known/two", b"two\n")
    run_git(a, "init", "-q", ".")
    run_git(a, "config", "instep.watch", way)
    (a / "never").chmod(0)
    bound.up()
    assert bound.said(a) == {"never": "directory-unreadable"}
    assert not (b / "never").exists()
    (a / "known").chmod(0)
    eventually(
        lambda: bound.said(a) == dict.fromkeys(("known", "never"), "directory-unreadable"), "both are said"
    )
    write(b, "known/one", b"changed meanwhile\n")
    write(a, "other", b"goes on\n")
    eventually(lambda: read(b, "other") == b"goes on\n", "the rest goes on")
    assert (read(b, "known/one"), read(b, "known/two")) == (b"changed meanwhile\n", b"two\n")
    for asked in ("never/read", "known/one", "known"):
        assert "can't be listed" in bound.instep("why", a / asked, check=False).out
    assert bound.status(a / "known")["folder"] == str(a)
    for name in ("never", "known"):
        (a / name).chmod(0o755)
    eventually(lambda: bound.said(a) == {}, "all can be read")
    bound.settle()
    assert read(b, "never/read") == b"never read\n"
    assert read(a, "known/one") == b"changed meanwhile\n"
    bound.assert_equal()


def test_a_folder_that_cannot_be_read(bound: BoundPair) -> None:  # I1 I2 I29
    a, b = bound.a, bound.b
    write(a, "d/x", b"x\n")
    bound.up()
    a.chmod(0)
    eventually(lambda: bound.said(a).get(".") == "directory-unreadable", "it is said")
    write(b, "d/x", b"changed meanwhile\n")
    eventually(lambda: "permission-denied" in bound.said(a).values(), "what it waits for is said")
    refused = bound.instep("why", a / "d/x", check=False)
    assert refused.err.splitlines()[1] == f"Change its permissions: chmod u+rwx {a}"
    a.chmod(0o755)
    eventually(lambda: bound.said(a) == {}, "it can be read")
    bound.settle()
    assert read(a, "d/x") == b"changed meanwhile\n"
    (a / "e").mkdir()
    write(a, "e/y", b"heard of\n")
    bound.settle()
    bound.assert_equal()
