"""A branch that a person moved is followed; one that was rewritten stays as they made it (I1 I14 I27)."""

from .conftest import SideMaker
from .side import Side


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
