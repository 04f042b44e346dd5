"""Merging by line."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instep.core.types import Oid
from instep.git.errors import MissingObject
from instep.git.repository import Repository
from instep.git.textmerge import MOST_BYTES, text_merger
from tests.conftest import run_git
from tests.git.conftest import blob


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    folder = tmp_path_factory.mktemp("merge")
    run_git(folder, "init", "-q", ".")
    run_git(folder, "config", "merge.conflictStyle", "diff3")
    return Repository.open(folder)


BASE = b"".join(b"line %d\n" % number for number in range(9))


def _merge(repo: Repository, base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    merger = text_merger(repo)
    merged = merger(*(blob(repo, text) for text in (base, ours, theirs)))
    return None if merged is None else Repository.open(repo.root).objects.read(merged).data


def test_both_edits(shared: Repository) -> None:
    ours, theirs = BASE.replace(b"line 1", b"first"), BASE.replace(b"line 7", b"last") + b"no newline"
    expected = theirs.replace(b"line 1", b"first")
    assert _merge(shared, BASE, ours, theirs) == expected
    assert _merge(shared, BASE, theirs, ours) == expected


@pytest.mark.parametrize("attribute", ["-merge", "binary", "merge=union", "merge=mine"])
def test_attributes_and_drivers_are_not_asked(repo: Repository, attribute: str) -> None:  # I14
    """They may differ between two nodes, and then the merge would (ADR 4)."""
    run_git(repo.root.decode(), "config", "merge.mine.driver", "false")
    for place in (".gitattributes", ".git/info/attributes"):
        with open(f"{repo.root.decode()}/{place}", "w") as file:
            file.write(f"* {attribute}\n")
    ours, theirs = BASE.replace(b"line 1", b"first"), BASE.replace(b"line 7", b"last")
    assert _merge(repo, BASE, ours, theirs) == theirs.replace(b"line 1", b"first")
    assert _merge(repo, BASE, b"a", b"b") is None, "not united"


def test_edits_that_meet(shared: Repository) -> None:
    assert _merge(shared, BASE, BASE.replace(b"line 4", b"a"), BASE.replace(b"line 4", b"b")) is None
    assert _merge(shared, BASE, b"a", b"b") is None


def test_nothing_to_merge(shared: Repository) -> None:
    merger = text_merger(shared)
    one, two = blob(shared, b"1"), blob(shared, b"2")
    assert merger(None, one, two) is None
    assert (merger(one, one, two), merger(one, two, one), merger(one, two, two)) == (two, two, two)
    with pytest.raises(MissingObject):
        merger(one, two, Oid(b"x" * 20))


def test_binary_and_large(shared: Repository) -> None:
    binary = b"\0" + BASE
    assert _merge(shared, binary, binary + b"x", b"y" + binary) is None
    late = BASE * 200 + b"\0"  # after where git looks
    assert _merge(shared, late, late + b"x\n", b"y\n" + late) == b"y\n" + late + b"x\n"
    large = b"x\n" * (MOST_BYTES // 2)
    assert _merge(shared, large, large + b"y\n", b"z\n" + large) is None
    assert os.listdir(shared.staging) == []


LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"\n", b"a\r\n", b"<<<<<<< x\n"]), max_size=8)


@settings(max_examples=40)
@given(base=LINES, ours=LINES, theirs=LINES, cut=st.booleans())
def test_symmetric_and_as_git(
    shared: Repository, base: list[bytes], ours: list[bytes], theirs: list[bytes], cut: bool
) -> None:  # I14
    texts = [b"".join(text)[: -1 if cut else None] for text in (base, ours, theirs)]
    one, two, three = (blob(shared, text) for text in texts)
    merger = text_merger(shared)
    merged = merger(one, two, three)
    assert merged == merger(one, three, two)
    if merged is not None:
        files = [os.fsdecode(shared.root) + f"/{name}" for name in "ABC"]
        for name, text in zip(files, (texts[1], texts[0], texts[2]), strict=True):
            with open(name, "wb") as file:
                file.write(text)
        assert shared.run("merge-file", "-p", *files) == shared.objects.read(merged).data
        assert shared.run("merge-file", "-p", *reversed(files)) == shared.objects.read(merged).data


def test_what_was_merged_before_is_known_as_long_as_it_is_there(repo: Repository) -> None:
    ours, theirs = BASE.replace(b"line 1", b"first"), BASE.replace(b"line 7", b"last")
    oids = [blob(repo, text) for text in (BASE, ours, theirs)]
    merger = text_merger(repo)
    merged = merger(*oids)
    assert merged is not None
    run_git(repo.root.decode(), "prune", "--expire=now", *(oid.hex() for oid in oids))
    again = Repository.open(repo.root)
    assert not again.objects.has(merged)
    repo.idle()
    assert merger(*oids) == merged
    assert Repository.open(repo.root).objects.has(merged)
