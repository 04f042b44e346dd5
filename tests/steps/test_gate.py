"""I8: a mass change is held as a whole, and all else flows."""

import os
import shutil
from collections import deque
from pathlib import Path

from instep.core.types import RelPath
from instep.steps.gate import Gate
from tests.steps.side import Side, SideMaker, p


def fill(a: Side, directory: str, count: int) -> None:
    for n in range(count):
        a.write(f"{directory}/{n}", f"{directory} {n}")


def judge(a: Side) -> set[RelPath]:
    return a.state.gate.decide(a.state.tree)


def in_step(a: Side) -> bool:
    return sorted(a.names()) == sorted(a.files())


def test_an_emptied_folder_is_held_and_additions_flow(a: Side) -> None:
    fill(a, "d", 30)
    a.commit()
    shutil.rmtree(a.folder / "d")
    a.write("new", "1")
    a.commit()
    assert a.state.gate.is_undecided(a.state.tree)
    assert judge(a) == set()
    assert len(a.state.gate.held) == 30
    assert sorted(a.names()) == sorted([*(f"d/{n}" for n in range(30)), "new"])
    (a.folder / "new").unlink()
    a.commit()  # while it is closed, no deletion passes
    assert "new" in a.names()


def test_what_was_moved_is_not_even_waited_for(a: Side) -> None:
    fill(a, "d", 30)
    a.commit()
    (a.folder / "d").rename(a.folder / "e")
    done = a.commit()
    assert len(done.changes) == 60, "both names are in one commit, so that the other side moves them too"
    assert not a.state.gate.is_undecided(a.state.tree)
    assert in_step(a)


def test_what_came_under_another_name_before_is_moved_too(a: Side) -> None:
    fill(a, "d", 30)
    a.commit()
    (a.folder / "d").rename(a.folder / "e")
    a.commit(*(f"e/{n}" for n in range(30)))
    a.commit(*(f"d/{n}" for n in range(30)))
    assert not a.state.gate.is_undecided(a.state.tree)
    assert in_step(a)


def test_what_is_gone_beside_a_move_is_held(a: Side) -> None:
    fill(a, "d", 10)
    fill(a, "lost", 200)
    a.commit()
    (a.folder / "d").rename(a.folder / "e")
    shutil.rmtree(a.folder / "lost")
    a.commit()
    assert sorted(a.names())[:10] == [f"e/{n}" for n in range(10)], "what was moved passes"
    assert judge(a) == set()
    assert set(a.state.gate.held) == {p(f"lost/{n}") for n in range(200)}


def test_a_move_into_a_wave_that_waits_is_found_at_its_end(a: Side) -> None:
    fill(a, "d", 30)
    a.commit()
    (a.folder / "d").rename(a.folder / "e")
    a.commit(*(f"d/{n}" for n in range(30)))
    assert a.state.gate.is_undecided(a.state.tree)
    a.commit(*(f"e/{n}" for n in range(30)))
    assert judge(a) == {p(f"d/{n}") for n in range(30)}
    a.commit()
    assert in_step(a)


def test_a_directory_among_many_is_not_even_waited_for(a: Side) -> None:
    fill(a, "d", 25)
    fill(a, "many", 180)
    a.commit()
    shutil.rmtree(a.folder / "d")
    a.commit()
    assert not a.state.gate.is_undecided(a.state.tree)
    assert in_step(a)


def test_a_wave_that_comes_in_pieces_is_one(a: Side) -> None:
    fill(a, "d", 40)
    a.commit()
    for n in range(40):
        (a.folder / f"d/{n}").unlink()
        a.commit(f"d/{n}")
    assert a.state.gate.is_undecided(a.state.tree)
    assert len([name for name in a.names() if name.startswith("d/")]) == 21  # the first ones were few
    assert judge(a) == set()
    assert len(a.state.gate.held) == 21


def test_files_that_come_back_open_it(a: Side) -> None:
    fill(a, "d", 30)
    a.commit()
    shutil.rmtree(a.folder / "d")
    a.commit()
    judge(a)
    a.git("checkout", "-q", "HEAD", ".")
    a.commit()
    assert not a.state.gate.held
    (a.folder / "d/1").unlink()
    a.commit("d/1")
    assert "d/1" not in a.names()


def held_and_beside(a: Side) -> Path:
    """Thirty files are held as deleted; where they are, out of the folder."""
    fill(a, "d", 30)
    a.commit()
    beside = Path(shutil.move(a.folder / "d", a.folder.parent / "beside"))
    a.commit()
    judge(a)
    assert len(a.state.gate.held) == 30
    return beside


def test_what_is_held_and_turns_up_elsewhere_was_moved(a: Side) -> None:
    """It left the folder for a moment, or another folder has moved what was moved here too."""
    beside = held_and_beside(a)
    assert not a.state.gate.is_undecided(a.state.tree), "nothing is to be judged again"
    shutil.move(beside, a.folder / "e")
    for n in range(3):  # not all of it as it was
        a.write(f"e/{n}", "other")
    a.commit()
    assert a.state.gate.is_undecided(a.state.tree)
    a.commit(*(name for name in map(os.fsdecode, judge(a))))
    assert not a.state.gate.held
    assert in_step(a)


def test_what_is_held_and_is_mostly_lost_stays_so(a: Side) -> None:
    beside = held_and_beside(a)
    (a.folder / "e").mkdir()
    for n in range(20):
        shutil.move(beside / f"{n}", a.folder / "e")
    a.commit()
    assert judge(a) == set()
    assert len(a.state.gate.held) == 30


def test_a_person_s_commit_opens_it(a: Side) -> None:
    fill(a, "d", 30)
    a.commit()
    shutil.rmtree(a.folder / "d")
    a.commit()
    judge(a)
    a.git("read-tree", "HEAD")
    a.git("commit", "-q", "-a", "-m", "Delete them")
    a.committer.commit(deque(sorted(a.committer.follow_branch())))
    assert not a.state.gate.held
    assert in_step(a)


def test_it_is_closed_after_a_restart_too(side: SideMaker) -> None:  # I27
    a = side("a")
    fill(a, "d", 30)
    a.commit()
    shutil.rmtree(a.folder / "d")
    a.commit()
    judge(a)
    for n in range(15):  # half of it is back: what is left would pass alone
        a.write(f"d/{n}", f"d {n}")
    a = side("a")
    assert len(a.state.gate.held) == 30
    assert a.opened.dirty >= set(a.state.gate.held)
    a.commit()
    assert len(a.state.gate.held) == 15
    assert len(a.names()) == 30


def test_files_emptied_by_a_power_cut_are_held(a: Side) -> None:
    fill(a, "d", 10)
    a.commit()
    a.close()
    (a.folder / ".git/instep/running").write_text("another boot")
    for n in range(7):
        a.write(f"d/{n}", b"")
    a = Side.open(a.folder)
    assert set(a.state.gate.emptied) == {p(f"d/{n}") for n in range(7)}
    a.write("d/8", b"")
    a.write("d/9", b"9")
    a.write("d/1", b"written anew")
    a.commit()
    assert len(a.state.gate.emptied) == 6
    assert {change.path for change in a.commit().changes} == set()
    assert a.git("show", "HEAD:d/0") == "d 0"
    assert [a.git("show", f"HEAD:d/{n}") for n in (1, 8, 9)] == ["written anew", "", "9"]
    a.git("checkout", "-q", "HEAD", ".")
    a.commit()
    assert not a.state.gate.emptied
    a.close()


def test_what_is_held_outlives_a_gate(a: Side) -> None:
    fill(a, "d", 30)
    a.commit()
    shutil.rmtree(a.folder / "d")
    a.commit()
    judge(a)
    assert set(Gate(a.state.repo).held) == set(a.state.gate.held)
