"""Each kind of path becomes a folder with real git and git-annex; what was there stays as it was."""

import os
import resource
import signal
from pathlib import Path

import pytest

from instep.daemon.adopt import (
    NEW_REPOSITORY,
    TEMPORARY_NAMES,
    SetupFailed,
    Template,
    adopt,
    default_description,
    describe,
    template_of,
)
from instep.daemon.examine import Found, Kind, Refused, examine
from instep.daemon.places import adopting_mark
from tests.conftest import GitRunner, RepositoryMaker

PLAIN = Template("main", "sha1", b"")


def branch_file(git: GitRunner, folder: Path, name: str) -> bytes:
    return git(folder, "cat-file", "blob", f"git-annex:{name}", check=False)


def common(*found: Found) -> Template:
    return template_of([describe(one) for one in found])


def test_a_new_folder(tmp_path: Path, git: GitRunner) -> None:
    root = tmp_path / "deep/new"
    found = examine(root)
    adopt(found, common(found), "my laptop")
    config_log = branch_file(git, root, "config.log").decode()
    assert config_log.splitlines()[0].endswith("s annex.addunlocked true")
    assert config_log.splitlines()[1].endswith("s annex.largefiles largerthan=64kb")
    assert git(root, "annex", "config", "--get", "annex.largefiles") == b"largerthan=64kb\n"
    assert b" my laptop timestamp=" in branch_file(git, root, "uuid.log")
    assert git(root, "symbolic-ref", "HEAD") == b"refs/heads/main\n"
    excluded = (root / ".git/info/exclude").read_text().splitlines()
    assert set(TEMPORARY_NAMES) <= set(excluded)
    assert git(root, "status", "--porcelain") == b""
    local = git(root, "config", "--local", "--list").decode()
    assert "user." not in local  # nobody's name is written down because git knew none
    assert examine(root).kind is Kind.ANNEX


def test_what_was_begun_is_done_again(tmp_path: Path, git: GitRunner) -> None:  # I27
    """As after a SIGKILL: git-annex has an id early, and a version and a description late."""
    found = examine(tmp_path)
    adopt(found, common(found), "my laptop")
    uuid = git(tmp_path, "config", "annex.uuid")
    git(tmp_path, "config", "--unset", "annex.version")
    adopting_mark(tmp_path / ".git").touch()
    (tmp_path / NEW_REPOSITORY).mkdir()
    again = examine(tmp_path)
    assert again.kind is Kind.GIT
    adopt(again, common(again), "my laptop")
    assert examine(tmp_path).kind is Kind.ANNEX
    assert git(tmp_path, "config", "annex.uuid") == uuid
    assert git(tmp_path, "config", "annex.version")
    assert not (tmp_path / NEW_REPOSITORY).exists()


@pytest.mark.parametrize(
    ("name", "temporary"),
    [
        ("a.txt~", True),
        (".a.txt.swp", True),
        ("#a.txt#", True),
        (".#a.txt", True),
        ("film.mkv.part", True),
        ("~$letter.docx", True),
        (".~lock.letter.odt#", True),
        ("4913", True),
        ("a#b.txt", False),
        ("49131", False),
        ("part", False),
    ],
)
def test_temporary_names(
    plain_repository: RepositoryMaker, git: GitRunner, name: str, temporary: bool
) -> None:
    folder = plain_repository()
    (folder / ".git/info/exclude").write_text("\n".join(TEMPORARY_NAMES))
    assert bool(git(folder, "check-ignore", name, check=False)) is temporary


def test_a_plain_folder_with_files_keeps_them(tmp_path: Path, git: GitRunner) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a").write_bytes(b"content")
    found = examine(tmp_path)
    adopt(found, Template("trunk", "sha256", b"5s annex.addunlocked true\n"), None)
    assert (tmp_path / "sub/a").read_bytes() == b"content"
    assert git(tmp_path, "status", "--porcelain") == b"?? sub/\n"
    assert git(tmp_path, "symbolic-ref", "HEAD") == b"refs/heads/trunk\n"
    assert git(tmp_path, "rev-parse", "--show-object-format") == b"sha256\n"
    assert branch_file(git, tmp_path, "config.log") == b"5s annex.addunlocked true\n"
    assert default_description(tmp_path).encode() in branch_file(git, tmp_path, "uuid.log")


def test_a_git_repository_keeps_its_work(plain_repository: RepositoryMaker, git: GitRunner) -> None:
    folder = plain_repository()
    (folder / "a").write_text("a")
    git(folder, "add", "a")
    git(folder, "commit", "-q", "-m", "a")
    (folder / "a").write_text("edited")
    (folder / "staged").write_text("staged")
    git(folder, "add", "staged")
    exclude = (folder / ".git/info/exclude").read_bytes()
    head, status = git(folder, "rev-parse", "HEAD"), git(folder, "status", "--porcelain")
    found = examine(folder)
    adopt(found, common(found), None)
    assert (git(folder, "rev-parse", "HEAD"), git(folder, "status", "--porcelain")) == (head, status)
    assert (folder / ".git/info/exclude").read_bytes() == exclude
    assert git(folder, "config", "annex.uuid")


def test_a_git_annex_repository_stays_as_it_is(annexed: RepositoryMaker, git: GitRunner) -> None:
    folder = annexed()
    git(folder, "annex", "config", "--set", "annex.largefiles", "anything")
    before = git(folder, "for-each-ref"), (folder / ".git/config").read_bytes()
    found = examine(folder)
    template = common(examine(folder.parent / "new"), found)
    assert b"annex.largefiles anything" in template.config_log  # a new copy has its settings from the start
    adopt(found, template, "another name")
    assert (git(folder, "for-each-ref"), (folder / ".git/config").read_bytes()) == before


def test_a_new_folder_takes_branch_and_format_of_a_repository(
    tmp_path: Path, plain_repository: RepositoryMaker, git: GitRunner
) -> None:
    folder = plain_repository(object_format="sha256")
    git(folder, "symbolic-ref", "HEAD", "refs/heads/other")
    template = common(examine(tmp_path / "new"), examine(folder))
    assert (template.branch, template.object_format) == ("other", "sha256")


def test_repositories_that_can_not_meet(plain_repository: RepositoryMaker, git: GitRunner) -> None:
    one, other = plain_repository("one"), plain_repository("other")
    git(other, "symbolic-ref", "HEAD", "refs/heads/work")
    with pytest.raises(Refused, match="work"):
        common(examine(one), examine(other))
    sha256 = plain_repository("sha256", object_format="sha256")
    with pytest.raises(Refused, match="sha256"):
        common(examine(one), examine(sha256))


def test_a_name_that_is_no_utf8(tmp_path: Path, git: GitRunner) -> None:
    root = Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9 -x"))
    found = examine(root)
    adopt(found, PLAIN, None)
    assert examine(root).kind is Kind.ANNEX


def test_a_git_repository_gets_the_size_limit_of_new_folders(
    plain_repository: RepositoryMaker, git: GitRunner
) -> None:
    found = examine(plain_repository())
    adopt(found, common(found), None)
    assert b" annex.largefiles largerthan=64kb\n" in branch_file(git, found.root, "config.log")


def test_a_git_repository_s_own_limit_stays(plain_repository: RepositoryMaker, git: GitRunner) -> None:
    folder = plain_repository()
    git(folder, "config", "annex.largefiles", "include=*.iso")
    found = examine(folder)
    adopt(found, common(found), None)
    assert branch_file(git, folder, "config.log") == b""


def test_a_clone_brings_no_settings_of_its_own_against_those_of_its_origin(
    annexed: RepositoryMaker, git: GitRunner, tmp_path: Path
) -> None:
    origin = annexed()
    git(origin, "annex", "config", "--set", "annex.largefiles", "largerthan=1mb")
    git(tmp_path, "clone", "-q", str(origin), "clone")
    found = examine(tmp_path / "clone")
    adopt(found, common(found), None)
    assert branch_file(git, found.root, "config.log") == branch_file(git, origin, "config.log")
    assert common(found).config_log == branch_file(git, origin, "config.log")


def test_what_git_could_not_write_is_named(tmp_path: Path) -> None:  # I26
    found = examine(tmp_path / "new")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handled = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(SetupFailed) as failed:
            adopt(found, PLAIN, None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handled)
    assert failed.value.text.startswith(f"git init failed in {tmp_path}/new: ")
    assert failed.value.fix
