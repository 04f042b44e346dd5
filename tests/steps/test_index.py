"""git's index follows the branch, late, and takes nothing away that a person staged."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from instep.core.types import RelPath
from instep.git.index import IndexBusy, IndexUpdate, draft_index
from instep.steps.index import IndexStep
from tests.conftest import run_git
from tests.steps.side import Side, SideMaker, p

# pyright: reportPrivateUsage=false


def write_once(step: IndexStep, meanwhile: Callable[[], object] = lambda: None) -> bool:
    """What the step does in one go, without its waiting for turns; whether there is more."""
    updates: dict[RelPath, IndexUpdate] = {}
    try:
        while step._look(updates):
            pass
        draft = draft_index(step._state.repo, updates)
        meanwhile()
        return step._place(draft, updates)
    except IndexBusy:
        step._give_back(updates)
        return False


def write(step: IndexStep) -> None:
    """What the step does when the folder has been quiet."""
    step._unsettled |= step.mailbox.content
    while write_once(step):
        pass


@pytest.fixture
def step(a: Side) -> IndexStep:
    """The step of a folder whose index holds what its branch holds."""
    a.save("start", "start")
    a.git("reset", "-q")
    found = IndexStep(a.state)
    found.start_from(a.state.tree, ())
    return found


def test_git_finds_nothing_to_say_afterwards(a: Side, step: IndexStep) -> None:  # I30
    a.write("d/one", "1")
    a.save("film.bin", b"x" * 5000)
    a.commit()
    (a.folder / "start").unlink()
    a.commit("start")
    write(step)
    assert a.git("status", "--porcelain") == ""
    assert a.git("ls-files").split() == ["d/one", "film.bin"]


def test_what_a_person_staged_stays(a: Side, step: IndexStep) -> None:  # I27
    a.write("mine", "staged")
    a.git("add", "mine")
    a.write("mine", "and changed again")
    a.commit("mine")
    write(step)
    assert a.git("show", ":mine") == "staged"


def test_what_a_checkout_wrote_and_the_files_no_longer_have(a: Side, step: IndexStep) -> None:  # I27
    a.git("checkout", "-q", "-b", "side")
    a.write("brought", "by a commit of the person's")
    a.git("add", "brought")
    a.git("commit", "-q", "-m", "brought")
    a.committer.follow_branch()
    (a.folder / "brought").unlink()
    a.commit("brought")
    write(step)
    assert a.git("status", "--porcelain") == ""


def test_what_a_reset_wrote_from_a_commit_that_is_passed_by(a: Side, step: IndexStep) -> None:  # I27
    a.save("short-lived", "in one commit only")
    a.git("reset", "-q", "--hard")
    (a.folder / "short-lived").unlink()
    a.commit("short-lived")
    write(step)
    assert a.git("status", "--porcelain") == ""


def test_a_branch_that_was_moved_without_its_index(a: Side, step: IndexStep) -> None:  # I27
    a.save("start", "again")
    write(step)
    a.git("update-ref", "refs/heads/main", "main~1")
    a.committer.follow_branch()
    a.commit("start")
    write(step)
    assert a.git("status", "--porcelain") == ""


def test_a_lock_of_somebody_else_is_waited_for(a: Side, step: IndexStep) -> None:  # I27
    lock = a.folder / ".git/index.lock"
    lock.touch()
    done = a.save("one", "1")
    step.touch(change.path for change in done.changes)
    write(step)
    assert a.git("ls-files").split() == ["start"]
    lock.unlink()
    write(step)
    assert a.git("ls-files").split() == ["one", "start"]


@pytest.mark.anyio
async def test_the_wait_for_a_turn_is_no_cost_of_writing(a: Side, step: IndexStep) -> None:  # I30
    """Else the index, which is written the more seldom the dearer it is, would be stale for minutes after a
    rebase that took long."""
    a.save("one", "1")
    released_s = 0.0
    await a.state.writer.acquire()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(step.finish)
        await anyio.wait_all_tasks_blocked()
        await anyio.sleep(0.2)  # somebody's work
        a.state.writer.release()
        released_s = time.monotonic()
    assert step._took_s <= time.monotonic() - released_s
    assert a.git("status", "--porcelain") == ""


def test_what_a_person_stages_while_the_index_is_written_stays(a: Side, step: IndexStep) -> None:  # I27
    step.touch(change.path for change in a.save("one", "1").changes)
    a.write("mine", "staged")
    write_once(step, meanwhile=lambda: a.git("add", "mine"))
    assert a.git("ls-files").split() == ["mine", "start"]
    write(step)
    assert a.git("ls-files").split() == ["mine", "one", "start"]
    assert a.git("diff-index", "--cached", "--name-only", "HEAD").split() == ["mine"]


def test_a_commit_while_the_index_is_written_is_the_next_ones(a: Side, step: IndexStep) -> None:
    step.touch(change.path for change in a.save("one", "1").changes)
    write_once(step, meanwhile=lambda: a.save("one", "two"))
    assert a.git("show", ":one") == "1"
    step.touch([p("one")])
    write(step)
    assert a.git("show", ":one") == "two"
    assert a.git("diff-index", "--cached", "HEAD") == ""


def test_an_index_that_git_had_read_before_ours_and_wrote_over_it(a: Side, step: IndexStep) -> None:  # I30
    """git reads the index and takes its lock only then, `git stash` for one."""
    a.git("config", "annex.largefiles", "anything")
    index = a.folder / ".git/index"
    a.save("film.bin", b"x" * 5000)
    a.git("read-tree", "HEAD")
    a.write("film.bin", run_git(a.folder, "show", ":film.bin"))
    old = time.time() - 60
    os.utime(a.folder / "film.bin", (old, old))
    a.git("update-index", "--refresh")
    before = index.read_bytes()
    a.write("film.bin", b"x" * 5000)
    os.utime(a.folder / "film.bin", (old, old))
    step.touch(a.commit("film.bin").rewritten)
    write(step)
    step.mailbox.content.clear()
    step.look_again()
    assert not step.mailbox.content, "what was written is ours"
    index.with_name("index.lock").write_bytes(before)
    index.with_name("index.lock").rename(index)
    assert a.git("status", "--porcelain") == " M film.bin\n"
    step.look_again()
    write(step)
    assert a.git("status", "--porcelain") == ""


def test_many_changes_are_written_in_pieces(a: Side, step: IndexStep) -> None:
    """What is known of files has a bound, and so has what is held of them while the index is written."""
    few = IndexStep(a.state, at_once=2)
    few.start_from(a.state.tree, ())
    for number in range(7):
        a.write(f"d/{number}", str(number))
    (a.folder / "start").unlink()
    a.commit()
    few.touch([p("start"), p("d/0")])
    write(few)
    assert a.git("ls-files").split() == [f"d/{number}" for number in range(7)]
    assert a.git("diff-index", "--cached", "HEAD") == ""


def test_a_lock_between_two_pieces_loses_none(a: Side, step: IndexStep) -> None:  # I27
    few = IndexStep(a.state, at_once=2)
    few.start_from(a.state.tree, ())
    for number in range(5):
        a.write(f"d/{number}", str(number))
    a.commit()
    few.touch()
    assert write_once(few), "there are more"
    lock = a.folder / ".git/index.lock"
    lock.touch()
    write(few)
    assert len(a.git("ls-files").split()) == 3
    lock.unlink()
    write(few)
    assert a.git("diff-index", "--cached", "HEAD") == ""


def test_a_lagging_file_is_not_vouched_for(a: Side, b: Side) -> None:  # I7
    a.save("film.bin", b"old" * 1000)
    b.merge(a)
    a.save("film.bin", b"new" * 1000)
    found = IndexStep(b.state)
    b.merge(a, contents=False)
    found.start_from(None, ())
    write(found)
    assert b.git("rev-parse", ":film.bin") == a.git("rev-parse", "HEAD:film.bin")


def test_a_file_that_is_ahead_of_the_annex_is_not_vouched_for(a: Side, step: IndexStep) -> None:  # I27
    """So that the next start looks at it, if the process ends before its content is in the annex."""
    os.utime(a.write("film.bin", b"x" * 5000), (1, 1))
    a.commit("film.bin")
    for ahead, size in (({p("film.bin")}, 0), (set[RelPath](), 5000)):
        a.state.ahead = ahead
        step.touch([p("film.bin")])
        write(step)
        assert f"size: {size}\t" in a.git("ls-files", "--debug", "film.bin")


def test_a_start_after_a_kill_mends_what_was_not_written(side: SideMaker) -> None:  # I27
    a = side("a")
    a.save("one", "1")
    a.git("reset", "-q")
    a.save("one", "2")
    a.save("two", "2")
    a = side("a")
    found = IndexStep(a.state)
    found.start_from(a.state.tree, a.opened.index_differs, a.opened.index_late)
    write(found)
    assert a.git("ls-files").split() == ["one", "two"]
    assert a.git("diff", "--cached", "--name-only") == ""
    assert Path(a.folder, ".git/index").exists()


def test_a_start_after_a_kill_mends_what_a_merge_left_behind(side: SideMaker) -> None:  # I14 I27
    """Which parent of the merge is its own head, no side can know."""
    a, b = side("a"), side("b")
    a.save("start", "start")
    b.merge(a)
    for one in (a, b):
        one.save("temporary", one.folder.name)
        one.git("reset", "-q")
        (one.folder / "temporary").unlink()
        one.commit("temporary")
        one.save(one.folder.name, "new")
    a.merge(b)
    b.merge(a)
    for name in ("a", "b"):
        one = side(name)
        found = IndexStep(one.state)
        found.start_from(one.state.tree, one.opened.index_differs, one.opened.index_late)
        write(found)
        assert one.git("ls-files").split() == ["a", "b", "start"]
