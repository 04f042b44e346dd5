"""I4 (what was put in place is known), I5 (an edit is never replaced), I6 (old or new)."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from instep.core.types import RelPath
from instep.fs.durable import Batch, Staged
from instep.fs.identity import Identity
from instep.fs.install import IsBase, Reason, Refused, WorkTree
from instep.fs.read import identify

from .conftest import Root

F, G = RelPath(b"d/f"), RelPath(b"e/g")


class Bench:
    """A work tree, a batch to stage in, and a clock."""

    def __init__(self, root: Root, private: bytes) -> None:
        self.root = root
        self.now_s = 0.0
        self.tree = WorkTree(root.name, private, lambda: self.now_s)
        self.batch = Batch(private + b"/staging")

    def staged(self, content: bytes = b"new", mode: int = 0o666) -> Staged:
        return self.batch.write(content, mode)

    def content(self, path: RelPath) -> bytes:
        return self.root.at(path).read_bytes()

    def settle(self) -> list[bytes]:
        self.now_s += 100
        return [Path(os.fsdecode(rescued.file)).read_bytes() for rescued in self.tree.settle()]


@pytest.fixture
def bench(root: Root) -> Iterator[Bench]:
    (root.path.parent / "private").mkdir()
    bench = Bench(root, os.fsencode(root.path.parent / "private"))
    yield bench
    bench.batch.close()
    bench.tree.close()


def holds(content: bytes) -> IsBase:
    def is_base(file: bytes, identity: Identity) -> bool:
        if identity.is_link:
            return os.readlink(file) == content
        return Path(os.fsdecode(file)).read_bytes() == content

    return is_base


def then(act: Callable[[], object]) -> IsBase:
    """Compares, and has something happen right after: an edit between the check and the exchange."""
    asked: list[bytes] = []
    is_base = holds(b"old")

    def first_time(file: bytes, identity: Identity) -> bool:
        answer = is_base(file, identity)
        asked.append(file)
        if len(asked) == 1:
            act()
        return answer

    return first_time


def refused(act: Callable[[], object]) -> Reason:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.reason


def test_create_makes_directories_and_is_known(bench: Bench) -> None:
    identity = bench.tree.create(RelPath(b"a/b/c/f"), bench.staged())
    assert identity == identify(bench.root.fd, RelPath(b"a/b/c/f"))
    assert bench.content(RelPath(b"a/b/c/f")) == b"new"
    link = bench.tree.create(RelPath(b"a/l"), bench.batch.link(b"b/c"))
    assert (link.is_link, os.readlink(bench.root.at(b"a/l"))) == (True, "b/c")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (b"d/f", Reason.EXISTS),
        (b"d/dangling", Reason.EXISTS),
        (b"d", Reason.IS_DIRECTORY),
        (b"d/f/below", Reason.NOT_DIRECTORY),
        (b"d/f/far/below", Reason.NOT_DIRECTORY),
        (b"link/f", Reason.SYMLINKED_PARENT),
        (b"link/new/f", Reason.SYMLINKED_PARENT),
        (b"n" * 256, Reason.NAME_IMPOSSIBLE),
    ],
)
def test_create_disturbs_nothing(bench: Bench, path: bytes, reason: Reason) -> None:
    bench.root.file(b"d/f", b"old")
    bench.root.at(b"link").symlink_to("d")
    bench.root.at(b"d/dangling").symlink_to("nowhere")
    staged = bench.staged()
    assert refused(lambda: bench.tree.create(RelPath(path), staged)) is reason
    assert bench.content(F) == b"old"
    bench.tree.create(RelPath(b"elsewhere"), staged)


def test_replace_is_known_and_keeps_permissions(bench: Bench) -> None:
    bench.root.at(bench.root.file(F, b"old")).chmod(0o640)
    identity = bench.tree.replace(F, bench.staged(mode=0o777), holds(b"old"))
    assert identity == identify(bench.root.fd, F)
    assert (bench.content(F), stat.S_IMODE(identity.mode)) == (b"new", 0o750)
    assert bench.tree.settle_due_s == pytest.approx(0.3)
    assert bench.settle() == []
    assert bench.tree.leftovers() == []


def test_links_and_files_replace_each_other(bench: Bench) -> None:
    bench.root.file(F, b"old")
    bench.tree.replace(F, bench.batch.link(b"target"), holds(b"old"))
    assert os.readlink(bench.root.at(F)) == "target"
    assert refused(lambda: bench.tree.replace(F, bench.staged(), holds(b"other"))) is Reason.CHANGED
    bench.tree.replace(F, bench.staged(), holds(b"target"))
    assert bench.content(F) == b"new"
    assert bench.settle() == []


def test_an_edit_is_not_replaced(bench: Bench) -> None:
    """I5"""
    bench.root.file(F, b"edit")
    for act in (
        lambda: bench.tree.replace(F, bench.staged(), holds(b"old")),
        lambda: bench.tree.remove(F, holds(b"old")),
        lambda: bench.tree.move(F, G, holds(b"old")),
        lambda: bench.tree.chmod(F, True, holds(b"old")),
    ):
        assert refused(act) is Reason.CHANGED
    with bench.root.at(F).open("ab"):
        assert refused(lambda: bench.tree.replace(F, bench.staged(), holds(b"edit"))) is Reason.OPEN
        assert refused(lambda: bench.tree.remove(F, holds(b"edit"))) is Reason.OPEN
    assert bench.content(F) == b"edit"
    assert bench.settle() == []


def test_what_is_not_there_is_not_replaced(bench: Bench) -> None:
    bench.root.file(b"d/e/f")
    assert refused(lambda: bench.tree.replace(F, bench.staged(), holds(b""))) is Reason.CHANGED
    assert refused(lambda: bench.tree.remove(G, holds(b""))) is Reason.CHANGED
    assert refused(lambda: bench.tree.remove(RelPath(b"d/e"), holds(b""))) is Reason.IS_DIRECTORY


def edit_in_place(bench: Bench) -> None:
    bench.root.at(F).write_bytes(b"edit")


def save_atomically(bench: Bench) -> None:
    os.replace(bench.root.at(bench.root.file(b"tmp", b"edit")), bench.root.at(F))


@pytest.mark.parametrize("edit", [edit_in_place, save_atomically])
def test_an_edit_that_falls_in_between_comes_back(bench: Bench, edit: Callable[[Bench], None]) -> None:
    """I1, I5: the check said yes, then came the edit, then the exchange."""
    for act in (
        lambda: bench.tree.replace(F, bench.staged(), then(lambda: edit(bench))),
        lambda: bench.tree.remove(F, then(lambda: edit(bench))),
        lambda: bench.tree.move(F, G, then(lambda: edit(bench))),
    ):
        bench.root.file(F, b"old")
        assert refused(act) is Reason.CHANGED
        assert bench.content(F) == b"edit"
        assert not bench.root.at(G).exists()
        assert bench.settle() == []


def test_a_directory_that_falls_in_between_comes_back(bench: Bench) -> None:
    bench.root.file(F, b"old")

    def make_directory() -> None:
        bench.root.at(F).unlink()
        bench.root.at(F).mkdir()

    is_base = then(make_directory)
    assert refused(lambda: bench.tree.replace(F, bench.staged(), is_base)) is Reason.IS_DIRECTORY
    assert bench.root.at(F).is_dir()
    assert bench.settle() == []


def second_time(act: Callable[[], object]) -> IsBase:
    """An edit that falls between the exchange and the putting back."""
    asked: list[bytes] = []

    def is_base(file: bytes, identity: Identity) -> bool:
        asked.append(file)
        if len(asked) == 2:
            act()
        return len(asked) == 1

    return is_base


def test_an_edit_of_ours_before_it_is_put_back_is_rescued(bench: Bench) -> None:
    """I1: both are whole somewhere."""
    bench.root.file(F, b"old")
    is_base = second_time(lambda: bench.root.at(F).write_bytes(b"edit of new"))
    assert refused(lambda: bench.tree.replace(F, bench.staged(), is_base)) is Reason.CHANGED
    assert bench.content(F) == b"old"
    assert bench.settle() == [b"edit of new"]


def test_what_cannot_be_put_back_is_rescued(bench: Bench) -> None:
    bench.root.file(F, b"old")
    is_base = second_time(lambda: bench.root.file(F, b"made anew"))
    assert refused(lambda: bench.tree.remove(F, is_base)) is Reason.CHANGED
    assert bench.content(F) == b"made anew"
    assert bench.settle() == [b"old"]


def test_ours_deleted_before_it_is_put_back(bench: Bench) -> None:
    bench.root.file(F, b"old")
    is_base = second_time(bench.root.at(F).unlink)
    assert refused(lambda: bench.tree.replace(F, bench.staged(), is_base)) is Reason.CHANGED
    assert bench.content(F) == b"old"


def test_a_directory_in_the_place_of_ours_keeps_the_name(bench: Bench) -> None:
    bench.root.file(F, b"old")

    def make_directory() -> None:
        bench.root.at(F).unlink()
        bench.root.at(F).mkdir()

    is_base = second_time(make_directory)
    assert refused(lambda: bench.tree.replace(F, bench.staged(), is_base)) is Reason.CHANGED
    assert bench.root.at(F).is_dir()
    assert bench.settle() == [b"old"]


def test_a_late_writer_of_the_displaced_file_is_rescued(bench: Bench) -> None:
    """I1: it had opened the file before, and begins to write only now (here: through a second link)."""
    bench.root.file(F, b"old")
    other = bench.root.path.parent / "other link"
    os.link(bench.root.at(F), other)
    bench.tree.replace(F, bench.staged(), holds(b"old"))
    other.write_bytes(b"late edit")
    assert bench.content(F) == b"new"
    assert bench.settle() == [b"late edit"]


def test_an_edit_right_after_is_not_taken_for_ours(bench: Bench) -> None:
    """I4: the identity that is returned must not be that of somebody else's content."""
    identity = bench.tree.create(F, bench.staged())
    bench.root.at(F).write_bytes(b"edit")
    assert identify(bench.root.fd, F) != identity


def test_move_and_remove(bench: Bench) -> None:
    bench.root.file(F, b"old")
    identity = bench.tree.move(F, G, holds(b"old"))
    assert identity == identify(bench.root.fd, G)
    bench.root.file(F, b"in the way")
    assert refused(lambda: bench.tree.move(G, F, holds(b"old"))) is Reason.EXISTS
    bench.tree.remove(G, holds(b"old"))
    assert not bench.root.at(G).exists()
    assert bench.settle() == []


def test_chmod(bench: Bench) -> None:
    bench.root.at(bench.root.file(F, b"old")).chmod(0o640)
    for executable, mode in ((True, 0o750), (False, 0o640)):
        identity = bench.tree.chmod(F, executable, holds(b"old"))
        assert identity == identify(bench.root.fd, F)
        assert stat.S_IMODE(identity.mode) == mode


def test_empty_directories_go_and_others_stay(bench: Bench) -> None:
    bench.root.file(b"keep/f")
    bench.root.at(b"keep/a/b/c").mkdir(parents=True)
    bench.root.at(b"keep/a/link").symlink_to("b")
    assert not bench.tree.prune(RelPath(b"keep/a/link"))
    bench.root.at(b"keep/a/link").unlink()
    bench.tree.prune_empty_dirs(RelPath(b"keep/a/b/c/gone"))
    assert sorted(os.listdir(bench.root.at(b"keep"))) == ["f"]
    bench.root.at(b"keep/f").unlink()
    bench.tree.prune_empty_dirs(RelPath(b"keep/f"))
    assert bench.root.path.is_dir()
    assert not bench.tree.prune(RelPath(b""))


def test_nothing_is_written_through_a_linked_directory(bench: Bench) -> None:
    outside = bench.root.path.parent / "outside"
    outside.mkdir()
    (outside / "f").write_bytes(b"old")
    bench.root.at(b"d").symlink_to(outside)
    for act in (
        lambda: bench.tree.create(RelPath(b"d/new"), bench.staged()),
        lambda: bench.tree.replace(F, bench.staged(), holds(b"old")),
        lambda: bench.tree.remove(F, holds(b"old")),
        lambda: bench.tree.chmod(F, True, holds(b"old")),
    ):
        assert refused(act) is Reason.SYMLINKED_PARENT
    assert os.listdir(outside) == ["f"]
    assert (outside / "f").read_bytes() == b"old"


@pytest.mark.usefixtures("bound_by_permissions")
def test_no_permission_is_said(bench: Bench) -> None:
    bench.root.file(F, b"old")
    bench.root.at(b"d").chmod(0o555)
    for act in (
        lambda: bench.tree.create(RelPath(b"d/new"), bench.staged()),
        lambda: bench.tree.replace(F, bench.staged(), holds(b"old")),
        lambda: bench.tree.remove(F, holds(b"old")),
    ):
        assert refused(act) is Reason.PERMISSION
    bench.root.at(b"d").chmod(0o755)
    assert bench.content(F) == b"old"


KILLED = """
import os, sys
from instep.fs.durable import Batch
from instep.fs.install import WorkTree
root, private = os.fsencode(sys.argv[1]), os.fsencode(sys.argv[2])
tree, batch = WorkTree(root, private), Batch(private + b"/staging")
print("ready", flush=True)
turn = 0
while True:
    turn += 1
    tree.replace(b"d/f", batch.write(b"%d" % (turn % 10) * 5000), lambda file, identity: True)
    tree.create(b"d/g", batch.write(b"g" * 5000))
    tree.remove(b"d/g", lambda file, identity: True)
"""


@pytest.mark.parametrize("reads", [1, 20, 60])
def test_killed_at_any_moment_every_path_is_whole(bench: Bench, reads: int) -> None:
    """I6: looked at while it works, and after SIGKILL; what it had displaced is found again."""
    bench.root.file(F, b"0" * 5000)
    private = os.fsdecode(bench.root.path.parent / "private")
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, bench.root.path, private], stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        for _ in range(reads):
            whole(bench.content(F))
        worker.send_signal(signal.SIGKILL)
    whole(bench.content(F))
    if bench.root.at(b"d/g").exists():
        whole(bench.content(RelPath(b"d/g")))
    for path, file in bench.tree.leftovers():
        assert path in (F, b"d/g")
        whole(Path(os.fsdecode(file)).read_bytes())
        bench.tree.discard_leftover(file)
    assert bench.tree.leftovers() == []


def whole(content: bytes) -> None:
    assert len(content) == 5000
    assert len(set(content)) == 1
