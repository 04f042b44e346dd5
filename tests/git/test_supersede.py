"""Which of two heads stands for both, where each side only merged what the other merged too. # I13 I14"""

from itertools import count
from pathlib import Path

import pytest

from instep.core.commit import Commit, Signature, merge_commit
from instep.core.types import Object, Oid
from instep.git.repository import Repository
from instep.git.supersede import MERGE, stands_for_both
from tests.conftest import RepositoryMaker


class Story:
    """Commits in a repository, all of the empty tree."""

    def __init__(self, folder: Path) -> None:
        self.repo = Repository.open(folder)
        self._dates = count(1_700_000_000)

    def edit(self, *parents: Oid, message: bytes = b"Edit\n") -> Oid:
        who = Signature(b"Tester", b"tester@example.org", next(self._dates))
        return self._write(Commit(self.repo.format.empty_tree, parents, who, who, message))

    def merge(self, *parents: Oid) -> Oid:
        heads = [(parent, self.repo.objects.commit(parent)) for parent in parents]
        return self._write(merge_commit(self.repo.format.empty_tree, heads, MERGE))

    def _write(self, commit: Commit) -> Oid:
        data = commit.encode()
        oid = self.repo.format.hash(b"commit", data)
        self.repo.objects.write({oid: Object(b"commit", data)})
        return oid

    def kept(self, one: Oid, two: Oid) -> Oid | None:
        """Whichever is asked first, the answer is one."""
        kept = stands_for_both(self.repo, one, two)
        assert kept == stands_for_both(self.repo, two, one)
        return kept


@pytest.fixture
def story(plain_repository: RepositoryMaker) -> Story:
    return Story(plain_repository())


def test_two_edits_are_merged(story: Story) -> None:
    base = story.edit()
    assert story.kept(story.edit(base), story.edit(base)) is None


def test_a_merge_gives_way_to_one_that_holds_more_edits(story: Story) -> None:
    base = story.edit()
    a, b, c = (story.edit(base) for _ in range(3))
    less, more = story.merge(a, b), story.merge(story.merge(b, c), a)
    assert story.kept(less, more) == more


def test_each_holds_an_edit_that_the_other_lacks(story: Story) -> None:
    base = story.edit()
    a, b, c = (story.edit(base) for _ in range(3))
    assert story.kept(story.merge(a, b), story.merge(b, c)) is None
    assert story.kept(story.edit(story.merge(a, b)), story.merge(a, story.merge(b, c))) is None


def test_of_merges_of_the_same_edits_all_choose_the_same(story: Story) -> None:
    base = story.edit()
    a, b, c = (story.edit(base) for _ in range(3))
    heads = [story.merge(story.merge(a, b), c), story.merge(story.merge(b, c), a)]
    heads.append(story.merge(story.merge(a, c), story.merge(a, b)))  # holds one commit more
    assert story.kept(heads[0], heads[1]) == min(heads[:2])
    assert story.kept(heads[0], heads[2]) == heads[2]
    assert story.kept(heads[1], heads[2]) == heads[2]


def test_what_a_person_merged_is_an_edit(story: Story) -> None:
    base = story.edit()
    a, b = story.edit(base), story.edit(base)
    by_hand = story.edit(a, b, message=MERGE)
    ours = story.merge(a, b)
    assert story.kept(by_hand, ours) == by_hand
    assert story.kept(by_hand, story.edit(ours)) is None
