"""What a sparse checkout leaves out is what git marks so."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instep.core.types import RelPath
from instep.git.repository import Repository
from instep.git.sparse import SparseCheckout
from tests.conftest import RepositoryMaker, run_git

PATHS = ["top", "a/f", "a/b/f", "a/b/c/f", "b/f", "b/a/f", "c d/f", "x.txt", "a/x.txt"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sparse")
    run_git(folder, "init", "-q", "-b", "main")
    for path in PATHS:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    run_git(folder, "add", ".")
    run_git(folder, "commit", "-q", "-m", "all")
    return folder


def left_out(folder: Path) -> set[str]:
    lines = run_git(folder, "ls-files", "-t").decode().splitlines()
    return {line[2:] for line in lines if line.startswith("S ")}


def as_we_see(folder: Path) -> set[str]:
    sparse = SparseCheckout(Repository.open(folder))
    return {path for path in PATHS if sparse.leaves_out(RelPath(path.encode()))}


_PATTERN = st.sampled_from(
    ["/*", "!/*/", "/a/", "!/a/*/", "/a/b/", "*.txt", "!x.txt", "f", "a", "/b", "b/", "!c", "/c d/", "top"]
)


@given(patterns=st.lists(_PATTERN, min_size=1, max_size=5))
def test_patterns(folder: Path, patterns: list[str]) -> None:
    run_git(folder, "sparse-checkout", "set", "--no-cone", "--stdin", input="\n".join(patterns).encode())
    assert as_we_see(folder) == left_out(folder)


@given(directories=st.sets(st.sampled_from(["a", "a/b", "a/b/c", "b", "c d"]), min_size=1))
def test_cones(folder: Path, directories: set[str]) -> None:
    run_git(folder, "sparse-checkout", "set", "--cone", *sorted(directories))
    assert as_we_see(folder) == left_out(folder)


def test_a_checkout_that_is_whole_again(plain_repository: RepositoryMaker) -> None:
    folder = plain_repository()
    sparse = SparseCheckout(Repository.open(folder))
    assert not sparse.leaves_out(RelPath(b"a/f"))
    run_git(folder, "sparse-checkout", "set", "--cone", "b")
    assert sparse.leaves_out(RelPath(b"a/f"))
    run_git(folder, "sparse-checkout", "disable")
    assert not sparse.leaves_out(RelPath(b"a/f"))
