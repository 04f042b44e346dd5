"""core/plan.py, executed on a work tree in memory that refuses what a real one refuses."""

import pytest
from hypothesis import given

from instep.core.plan import Create, InstallPlan, Move, Prune, Remove, Replace, plan_install
from instep.core.types import MODE_GITLINK, Change, Entry, RelPath
from tests.core.trees import Files, fake_oid, file_sets, files, histories, parents, path


class WorkTree:
    """Files and directories; every operation as strict as the kernel."""

    def __init__(self, content: Files) -> None:
        self.files = dict(content)
        self.directories = {above for name in content for above in parents(name)}

    def _make_room(self, name: RelPath) -> None:
        assert name not in self.files, "EEXIST"
        assert name not in self.directories, "EISDIR"
        for above in parents(name):
            assert above not in self.files, "ENOTDIR"
            self.directories.add(above)

    def run(self, plan: InstallPlan) -> None:
        for step in plan.steps():
            match step:
                case Remove(name, old):
                    assert self.files.pop(name) == old
                case Move(source, target, entry):
                    assert self.files[source] == entry
                    self._make_room(target)
                    del self.files[source]
                    self.files[target] = entry
                case Prune(directory):
                    if not any(
                        name.startswith(directory + b"/") for name in [*self.files, *self.directories]
                    ):
                        self.directories.remove(directory)
                case Replace(name, old, new):
                    assert self.files[name] == old
                    self.files[name] = new
                case Create(name, new):
                    self._make_room(name)
                    self.files[name] = new


def changes(old: Files, new: Files) -> list[Change]:
    return [
        Change(name, old.get(name), new.get(name)) for name in old | new if old.get(name) != new.get(name)
    ]


def check(old: Files, new: Files) -> InstallPlan:
    plan = plan_install(changes(old, new))
    tree = WorkTree(old)
    tree.run(plan)
    assert tree.files == new
    assert tree.directories == WorkTree(new).directories, "no empty directory stays"
    return plan


@given(histories())
def test_any_plan_can_be_executed(trees: tuple[Files, Files, Files]) -> None:
    base, one, two = trees
    for old, new in ((base, one), (one, two), (two, {}), ({}, one)):
        check(old, new)


@given(file_sets, file_sets)
def test_between_strangers_too(old: Files, new: Files) -> None:
    check(old, new)


@given(histories())
def test_order_of_the_changes_does_not_matter(trees: tuple[Files, Files, Files]) -> None:
    _, old, new = trees
    assert plan_install(changes(old, new)) == plan_install(reversed(changes(old, new)))


def test_a_renamed_directory_moves_file_by_file() -> None:
    plan = check(files(d__x="1", d__y="1", d__z="3"), files(e__x="1", e__y="1", e__z="3"))
    assert [(move.source, move.target) for move in plan.moves] == [
        (b"d/x", b"e/x"),
        (b"d/y", b"e/y"),
        (b"d/z", b"e/z"),
    ]
    assert len(list(plan.steps())) == 4
    assert list(plan.steps())[-1] == Prune(path("d"))


@pytest.mark.parametrize(
    ("old", "new", "moves"),
    [
        (files(a="1", b="2"), files(a="2", b="1"), 0),  # a swap
        (files(a="1", b="2", c="3"), files(b="1", c="2", d="3"), 0),  # a chain
        (files(a="1"), files(a__x="1"), 0),  # into a directory of its own name
        (files(d__x="1"), files(d="1"), 0),  # and out of it
        (files(a="1", b="2"), files(b__x="1", a__x="2"), 1),  # a ring
        (files(a="1", b="2", c="3"), files(b__x="1", c__x="2", a__x="3"), 2),
        (files(a="1", b="2"), files(b__x="1", c="2"), 2),  # b first
        (files(a__x="1", b="2"), files(a="2", c="1"), 2),  # a/x first, and the directory
        (files(a__x="1", a__y="5", b="2"), files(a="2", c="1"), 2),
        (files(a__x="1", b__x="2"), files(a="2", b="1"), 1),  # two directories swap with each other's file
    ],
)
def test_things_in_each_others_way(old: Files, new: Files, moves: int) -> None:
    assert len(check(old, new).moves) == moves


def test_a_gitlink_never_moves() -> None:
    link = Entry(MODE_GITLINK, fake_oid(1))
    assert not check({path("a"): link}, {path("b"): link}).moves


def test_nothing_to_do() -> None:
    assert list(plan_install([]).steps()) == []


def test_where_a_disk_folds_names_all_goes_before_anything_comes() -> None:  # I24
    """The tree of these tests keeps names apart; with the plan, one that does not would do too."""
    old, new = files(photo_JPG="1", Dir__x="2", other="3"), files(photo_jpg="1", dir__x="2", else_="3")
    assert len(plan_install(changes(old, new)).moves) == 3
    plan = plan_install(changes(old, new), folds=True)
    assert not plan.moves
    assert {step.path for step in plan.removals} == old.keys()
    assert len(plan_install(changes(files(a="1"), files(b="1")), folds=True).moves) == 1
