"""Objects that are missing or spoiled, had again from a remote or the work tree. # I1 I27"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from instep.core.types import Oid
from instep.git.donor import damage_in, mend_objects
from instep.git.errors import GitError, MissingObject
from instep.git.repository import Repository
from tests.conftest import RepositoryMaker, run_git

Spoil = Callable[[Path], None]


def truncate(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"")


def fill_with_garbage(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"\0garbage" * 9)


SPOILS: list[Spoil] = [Path.unlink, truncate, fill_with_garbage]


def object_file(root: Path, revision: str) -> Path:
    oid = run_git(root, "rev-parse", revision).decode().strip()
    return root / ".git/objects" / oid[:2] / oid[2:]


@pytest.fixture(params=["sha1", "sha256"])
def root(plain_repository: RepositoryMaker, request: pytest.FixtureRequest) -> Path:
    """A work tree with three commits, files in a directory and at the top."""
    found = plain_repository(object_format=request.param)
    (found / "directory").mkdir()
    for number in ("1", "2", "3"):
        (found / "directory/file").write_text(f"file {number}\n")
        (found / "top").write_text(f"top {number}\n")
        run_git(found, "add", ".")
        run_git(found, "commit", "-qm", number)
    return found


@pytest.fixture
def remote(root: Path, tmp_path: Path) -> Path:
    """A bare clone with all of it, sharing nothing."""
    run_git(tmp_path, "clone", "-q", "--bare", "--no-hardlinks", str(root), "remote.git")
    return tmp_path / "remote.git"


@pytest.fixture
def repo(root: Path) -> Iterator[Repository]:
    found = Repository.open(root)
    yield found
    found.close()


def assert_sound(root: Path, head: bytes) -> None:
    assert run_git(root, "rev-parse", "HEAD") == head
    run_git(root, "fsck", "--strict")
    assert run_git(root, "status", "--porcelain") == b""


@pytest.mark.parametrize("spoil", SPOILS)
def test_from_a_remote(root: Path, remote: Path, repo: Repository, spoil: Spoil) -> None:
    head = run_git(root, "rev-parse", "HEAD")
    revisions = ("HEAD:top", "HEAD^", "HEAD~2^{tree}", "HEAD~1:directory")
    for path in [object_file(root, revision) for revision in revisions]:
        spoil(path)
    said = mend_objects(repo, [str(root / "nowhere"), str(remote)])
    assert "objects were missing or damaged, and were had again" in said[-1]
    assert_sound(root, head)
    assert not Path(repo.private.decode(), "mend").exists()


def test_a_whole_history_one_by_one(root: Path, remote: Path, repo: Repository) -> None:
    """An object that came names others that are missing: nobody could know of them before."""
    head = run_git(root, "rev-parse", "HEAD")
    for path in (root / ".git/objects").glob("??/*"):
        path.unlink()
    mend_objects(repo, [str(remote)])
    assert_sound(root, head)


def test_from_the_work_tree_when_no_remote_has_it(root: Path, repo: Repository) -> None:
    (root / "link").symlink_to("top")
    run_git(root, "add", "link")
    run_git(root, "commit", "-q", "--amend", "-m", "3")
    head = run_git(root, "rev-parse", "HEAD")
    for path in [object_file(root, f"HEAD:{name}") for name in ("top", "directory/file", "link")]:
        path.unlink()
    mend_objects(repo, [])
    assert_sound(root, head)


def test_a_file_that_was_edited_since_is_not_taken_for_it(root: Path, repo: Repository) -> None:  # I1
    object_file(root, "HEAD:top").unlink()
    (root / "top").write_text("edited\n")
    before = run_git(root, "rev-parse", "HEAD^")
    said = mend_objects(repo, [])
    assert said == [f"refs/heads/main is where it last stood whole: {before.decode().strip()}"]
    assert (root / "top").read_text() == "edited\n"


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_branch_goes_back_when_nobody_has_its_newest(root: Path, repo: Repository, spoil: Spoil) -> None:
    """And the work tree stays as it is: it is what the lost commit held. # I1"""
    before = run_git(root, "rev-parse", "HEAD^")
    spoil(object_file(root, "HEAD"))
    assert mend_objects(repo, [])
    assert run_git(root, "rev-parse", "HEAD") == before
    assert (root / "top").read_text() == "top 3\n"
    run_git(root, "fsck", "--strict", "--no-reflogs")


def lose(root: Path, branch: str) -> str:
    """Makes a branch stand at nothing, and forgets where it stood."""
    nothing = "1" * len(run_git(root, "rev-parse", branch).strip())
    (root / ".git/refs/heads" / branch).write_text(nothing + "\n")
    (root / ".git/logs/refs/heads" / branch).unlink()
    return nothing


def test_a_branch_is_had_from_a_remote_as_a_whole(root: Path, remote: Path, repo: Repository) -> None:
    tree = run_git(root, "rev-parse", "HEAD^{tree}").decode().strip()
    commit = run_git(root, "commit-tree", tree, "-m", "other").decode().strip()
    run_git(root, "branch", "git-annex")
    run_git(root, "push", "-q", str(remote), f"{commit}:refs/heads/git-annex")
    object_file(root, commit).unlink()
    lose(root, "git-annex")
    mend_objects(repo, [str(remote)])
    assert run_git(root, "rev-parse", "git-annex").decode().strip() == commit
    run_git(root, "fsck", "--strict", "--no-reflogs")  # which tells of the nothing that it stood at


def test_the_checked_out_branch_never_goes_to_where_a_remote_has_it(
    root: Path, remote: Path, repo: Repository
) -> None:  # I2
    """What the remote has more than the work tree would look like deleted."""
    nothing = lose(root, "main")
    mend_objects(repo, [str(remote)])
    assert run_git(root, "rev-parse", "HEAD").decode().strip() == nothing


def test_what_can_be_read_of_a_spoiled_pack_is_kept(root: Path, remote: Path, repo: Repository) -> None:
    head = run_git(root, "rev-parse", "HEAD")
    run_git(root, "gc", "-q")
    [pack] = (root / ".git/objects/pack").glob("*.pack")
    pack.chmod(0o644)
    data = pack.read_bytes()
    pack.write_bytes(data[:-60] + b"x" * 60)
    said = mend_objects(repo, [str(remote)])
    assert any(".pack was damaged" in line for line in said)
    assert_sound(root, head)


def test_nothing_can_be_had(root: Path, repo: Repository) -> None:
    """Nothing is changed then, and nothing is said to be mended. # I29"""
    run_git(root, "reflog", "expire", "--expire=all", "--all")
    object_file(root, "HEAD").unlink()
    (root / ".git/logs/refs/heads/main").unlink()
    head = (root / ".git/refs/heads/main").read_bytes()
    assert mend_objects(repo, []) == []
    assert (root / ".git/refs/heads/main").read_bytes() == head


def test_a_remote_with_another_history_is_of_no_use(
    root: Path, repo: Repository, plain_repository: RepositoryMaker
) -> None:
    other = plain_repository("other", object_format=repo.format.name)
    run_git(other, "commit", "-q", "--allow-empty", "-m", "other")
    object_file(root, "HEAD^").unlink()
    run_git(root, "reflog", "expire", "--expire=all", "--all")
    before = run_git(root, "rev-parse", "HEAD")
    assert mend_objects(repo, [str(other)]) == []
    assert run_git(root, "rev-parse", "HEAD") == before


@pytest.mark.parametrize(
    ("error", "is_damage"),
    [
        (MissingObject(Oid(b"1" * 20)), True),
        (GitError("unable to read tree 123"), True),
        (GitError("loose object 12 is corrupt"), True),
        (GitError("not something we can merge"), False),
        (ValueError("corrupt"), False),
        (ExceptionGroup("g", [ValueError("x"), GitError("bad object HEAD")]), True),
    ],
)
def test_which_errors_tell_of_damage(error: Exception, *, is_damage: bool) -> None:
    assert (damage_in(error) is not None) == is_damage
