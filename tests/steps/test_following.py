"""A branch that a person moved is followed; one that was rewritten stays as they made it (I1 I14 I27)."""

import os

import pytest

from instep.steps.arrival import Arrival

from .conftest import SideMaker
from .side import Side, lag_behind, met, p


def rewrite(one: Side) -> None:
    """The newest commit, which changed `f`, is made anew with another content."""
    one.git("reset", "-q", "--hard", "HEAD~1")
    one.write("f", "rewritten\n")
    one.git("add", "f")
    one.git("commit", "-q", "-m", "rewritten")


def two(a: Side, b: Side) -> None:
    """Both have a first commit and a second one."""
    a.save("f", "first\n")
    a.save("f", "second\n")
    b.merge(a)


def test_what_was_rewritten_does_not_come_back(a: Side, b: Side) -> None:
    two(a, b)
    old = b.head
    rewrite(a)
    assert a.committer.follow_branch() == {b"f"}
    tip = a.state.repo.objects.commit(a.head)
    assert old in tip.parents, "nothing is lost"
    b.merge(a)
    assert b.head == a.head
    assert b.files() == a.files() == {"f": b"rewritten\n"}


def test_what_came_to_the_old_commits_meanwhile_comes_along(a: Side, b: Side) -> None:
    two(a, b)
    b.save("g", "of b\n")
    rewrite(a)
    a.committer.follow_branch()
    a.merge(b)
    b.merge(a)
    assert b.head == a.head
    assert b.files() == a.files() == {"f": b"rewritten\n", "g": b"of b\n"}


def test_a_rewrite_that_a_merge_agrees_with_needs_no_commit(a: Side) -> None:
    a.save("f", "first\n")
    a.save("f", "second\n")
    a.git("add", "f")
    a.git("commit", "-q", "--amend", "-m", "other words")
    a.committer.follow_branch()
    assert a.head.hex() == a.git("rev-parse", "HEAD").strip()
    assert len(a.state.repo.objects.commit(a.head).parents) == 1


def test_a_branch_that_was_moved_back_or_on_is_followed_as_it_is(a: Side) -> None:
    a.save("f", "first\n")
    a.save("f", "second\n")
    tip = a.git("rev-parse", "HEAD").strip()
    for command in (("reset", "-q", "--hard", "HEAD~1"), ("reset", "-q", "--hard", tip)):
        a.git(*command)
        assert a.committer.follow_branch() == {b"f"}
        assert a.head.hex() == a.git("rev-parse", "HEAD").strip()


def test_a_rewrite_while_nothing_ran(side: SideMaker, b: Side) -> None:
    a = side("a")
    two(a, b)
    a.close()
    rewrite(a)
    a = side("a")
    b.merge(a)
    assert b.head == a.head
    assert b.files() == {"f": b"rewritten\n"}


def test_another_branch_is_no_rewrite(a: Side) -> None:
    a.save("f", "first\n")
    a.git("reset", "-q")
    a.git("checkout", "-q", "-b", "other", "HEAD")
    a.write("f", "other\n")
    a.git("commit", "-q", "-a", "-m", "other")
    a.git("checkout", "-q", "main")
    a.save("f", "main\n")
    a.git("checkout", "-q", "-f", "other")
    assert a.committer.follow_branch() == {b"f"}
    assert (a.state.branch, len(a.state.repo.objects.commit(a.head).parents)) == ("other", 1)


def in_step(a: Side, b: Side) -> dict[str, bytes]:
    """What both have once all is merged."""
    for side, other in ((b, a), (a, b), (b, a)):
        side.commit()
        side.merger.retry(list(side.state.lag.paths))
        side.merge(other)
    assert a.head == b.head
    assert a.files() == b.files()
    return a.files()


@pytest.mark.parametrize("command", [("commit",), ("commit", "--amend"), ("annex", "sync", "--no-push")])
def test_a_person_s_commit_does_not_undo_what_has_not_come_here(
    a: Side, b: Side, command: tuple[str, ...]
) -> None:  # I1 I5
    lag_behind(a, b)
    b.git("reset", "-q")
    b.write("other", "by hand\n")
    b.git("add", "other")
    b.git(*command, *(("-q", "-a", "-m", "by hand") if command[0] == "commit" else ()))
    assert b.git("show", "HEAD:x") == "1\n", "what git finds in the work tree"
    b.committer.follow_branch()
    assert b.git("show", "HEAD:x") == "theirs\n"
    assert in_step(a, b) == {"x": b"theirs\n", "other": b"by hand\n"}
    b.fsck()


def test_an_edit_in_a_person_s_commit_meets_what_has_not_come_here(a: Side, b: Side) -> None:  # I1 I5
    lag_behind(a, b)
    b.git("reset", "-q")
    b.write("x", "mine\n")
    b.git("commit", "-q", "-a", "-m", "by hand")
    b.commit(*(path.decode() for path in b.committer.follow_branch()))
    for fork in b.state.forks:
        b.merger.merge(Arrival(fork, ""))
    assert sorted(in_step(a, b).values()) == [b"mine\n", b"theirs\n"]


def test_a_person_s_commit_while_nothing_ran_undoes_nothing(a: Side, b: Side, side: SideMaker) -> None:  # I5
    lag_behind(a, b)
    b.close()
    b.git("reset", "-q")
    b.git("commit", "-q", "-a", "-m", "by hand")
    b = side("b")
    assert in_step(a, b) == {"x": b"theirs\n"}


def test_what_a_person_merged_by_hand_stays(a: Side, b: Side) -> None:  # I27
    lag_behind(a, b)
    a.save("x", "newer\n")
    b.git("fetch", "-q", str(a.folder), "main")
    b.git("reset", "-q")
    b.git("checkout", "-q", "HEAD", "x")
    b.git("merge", "-q", "--no-ff", "--no-commit", "FETCH_HEAD")
    b.git("commit", "-q", "-m", "by hand")
    b.committer.follow_branch()
    assert p("x") in b.state.lag
    assert b.git("show", "HEAD:x") == "newer\n"


def merge_by_hand(one: Side, other: str) -> None:
    """A finished merge that says `x` can't be executed, and a work tree that does."""
    one.git("read-tree", "HEAD")
    one.git("update-index", "--chmod=-x", "x")
    commit = one.git("commit-tree", one.git("write-tree").strip(), "-p", "HEAD", "-p", other, "-m", "by hand")
    one.git("update-ref", "-m", "commit (merge): by hand", "HEAD", commit.strip())
    (one.folder / "x").chmod(0o644)


def test_a_merge_by_hand_does_not_undo_what_git_s_index_lacks(a: Side, b: Side) -> None:  # I5 I17
    met(a, b, "x", "text\n")
    a.write("x", "text\n").chmod(0o755)
    a.commit("x")
    b.merge(a)
    other = b.git("commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "other").strip()
    merge_by_hand(b, other)
    b.commit(*(path.decode() for path in b.committer.follow_branch()))
    b.merger.retry(b.state.lag.paths)
    assert b.git("ls-tree", "HEAD", "x").startswith("100755")
    assert os.access(b.folder / "x", os.X_OK)
    assert not b.state.lag


def test_what_a_merge_by_hand_makes_of_two_versions_stays(a: Side, b: Side) -> None:  # I27
    met(a, b, "x", "text\n")
    other = b.git("commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "other").strip()
    a.write("x", "text\n").chmod(0o755)
    a.commit("x")
    b.merge(a)
    merge_by_hand(b, other)
    b.commit(*(path.decode() for path in b.committer.follow_branch()))
    assert b.git("ls-tree", "HEAD", "x").startswith("100644")
    assert not b.state.lag
