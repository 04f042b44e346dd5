"""The graph's questions, compared with git's own answers on graphs with clocks that lie."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instep.core.types import Oid
from instep.git import history
from instep.git.errors import MissingObject
from instep.git.history import commits_between, held_by, is_ancestor, merge_bases
from instep.git.repository import Repository
from tests.conftest import run_git
from tests.git.conftest import commit


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    folder = tmp_path_factory.mktemp("history")
    run_git(folder, "init", "-q", ".")
    return Repository.open(folder)


def _graph(repo: Repository, shape: Sequence[tuple[list[int], int]]) -> list[Oid]:
    """Commits, each with parents so many steps back."""
    made: list[Oid] = []
    for number, (back, when) in enumerate(shape):
        parents = list(dict.fromkeys(made[-step] for step in back if step <= number))
        made.append(commit(repo, {b"n": b"%d" % number}, parents, when))
    return made


SHAPES = st.lists(
    st.tuples(st.lists(st.integers(1, 6), max_size=3), st.sampled_from([0, 5, 10**9, 2 * 10**9])),
    min_size=2,
    max_size=14,
)


@settings(max_examples=25)
@given(shape=SHAPES, far=st.sampled_from([0, 3, 200]), limit=st.sampled_from([0, 3, 20]))
def test_as_git_says(
    shared: Repository, shape: list[tuple[list[int], int]], far: int, limit: int
) -> None:  # I20
    made = _graph(shared, shape)
    old_far, history.FAR = history.FAR, far
    try:
        for one, other in ((made[-1], made[-2]), (made[len(made) // 2], made[-1]), (made[-1], made[0])):
            text = shared.run("merge-base", "--all", one.hex(), other.hex(), check=False).decode()
            assert merge_bases(shared, one, other) == sorted(bytes.fromhex(line) for line in text.split())
            third = made[len(made) // 3]
            text = shared.run(
                "merge-base", "--all", one.hex(), other.hex(), third.hex(), check=False
            ).decode()
            expected = sorted(bytes.fromhex(line) for line in text.split())
            assert merge_bases(shared, one, other, third) == expected
            done = shared.git.result("merge-base", "--is-ancestor", one.hex(), other.hex())
            assert is_ancestor(shared, one, other) == (done.returncode == 0)
            held = shared.run("rev-list", one.hex()).decode().split()
            assert held_by(shared, one, made) == {oid for oid in made if oid.hex() in held}
            text = shared.run("rev-list", one.hex(), "^" + other.hex()).decode()
            between = commits_between(shared, other, one, limit)
            if far == 200:
                assert (between is None) == (len(text.split()) > limit)
            if between is not None:
                assert set(between) == {bytes.fromhex(line) for line in text.split()}
                _assert_parents_first(shared, between)
    finally:
        history.FAR = old_far


def _assert_parents_first(repo: Repository, commits: Sequence[Oid]) -> None:
    for number, oid in enumerate(commits):
        assert not set(repo.objects.commit(oid).parents) & set(commits[number:])


def test_all_of_a_history(repo: Repository) -> None:
    made = _graph(repo, [([1], 5)] * 5)
    assert commits_between(repo, None, made[-1], 5) == made
    assert commits_between(repo, None, made[-1], 4) is None
    assert commits_between(repo, made[-1], made[-1], 0) == []


def test_what_is_told_only_after_a_long_walk_is_not_told(repo: Repository) -> None:  # I13
    """A clock at 1970 has all of the history met from one side before the other side is looked at."""
    made = _graph(repo, [([1], 2 * 10**9)] * 150)
    have = commit(repo, {b"n": b"have"}, [made[-1]], 0)
    want = commit(repo, {b"n": b"want"}, [made[-1]], 2 * 10**9)
    assert commits_between(repo, have, want, 200) == [want]
    assert commits_between(repo, have, want, 10) is None


def test_unknown_commits(repo: Repository) -> None:
    (known,) = _graph(repo, [([], 5)])
    absent = Oid(b"x" * 20)
    for one, other in ((absent, known), (known, absent)):
        with pytest.raises(MissingObject):
            is_ancestor(repo, one, other)
        with pytest.raises(MissingObject):
            merge_bases(repo, one, other)
        assert commits_between(repo, one, other, 10) is None


def test_never_met(repo: Repository) -> None:
    one = commit(repo, {b"a": b"1"})
    other = commit(repo, {b"a": b"2"})
    assert merge_bases(repo, one, other) == []
    assert not is_ancestor(repo, one, other)
