"""What is found at a path over there: here an ssh that runs the far command in a shell of this computer."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from instep.annex.errors import AnnexError
from instep.core.keys import object_path
from instep.core.types import Key, RemoteUuid
from instep.remotes.dial import SshAddress
from instep.remotes.errors import LinkError
from instep.remotes.far_disk import FarDisk
from instep.remotes.far_refs import FarRefs
from instep.remotes.far_repository import FarRepository, annex_shell_path, look, run_in_shell, shell_path
from instep.remotes.kept_shell import KeptShell
from instep.remotes.ref_listener import RefListener
from instep.remotes.ssh_program import SshProgram, Variant
from instep.remotes.ssh_shared import SharedSsh
from tests.conftest import RepositoryMaker, run_git

SHELL = 'cd "$HOME"; echo noise; exec /bin/sh -c "$2"'
QUIET = 'cd "$HOME"; exec /bin/sh -c "$2"'
NO_SHELL = 'case "$2" in git-annex-shell*) cd "$HOME"; exec /bin/sh -c "$2";; esac; echo no >&2; exit 1'


class Far:
    """The far home, and connections to it."""

    def __init__(self, top: Path) -> None:
        self.home = top / "home"
        self.home.mkdir()
        self._top = top
        self._open: list[SharedSsh] = []

    def ssh(self, path: str, script: str = SHELL) -> SharedSsh:
        program = self._top / "ssh-program"
        program.write_text(f"#!/bin/sh\nHOME={self.home}; export HOME\n{script}\n")
        program.chmod(0o755)
        ssh = SharedSsh(SshAddress("host", path), SshProgram(str(program), False, Variant.SIMPLE))
        self._open.append(ssh)
        return ssh

    def close(self) -> None:
        for ssh in self._open:
            ssh.close()


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Far]:
    far = Far(tmp_path)
    yield far
    far.close()


def bare(far: Far, name: str, *, annex: bool = True) -> RemoteUuid | None:
    """Makes one; gives its git-annex id."""
    run_git(far.home, "init", "-q", "--bare", name)
    if not annex:
        return None
    run_git(far.home / name, "annex", "init", "-q")
    return RemoteUuid(run_git(far.home / name, "config", "annex.uuid").decode().strip())


@pytest.mark.parametrize("name", ["hub.git", "it's $HOME `x` \\ !*.git", "été.git"])
def test_a_bare_annex_whatever_its_name(far: Far, name: str) -> None:
    uuid = bare(far, name)
    for path in (name, name.removesuffix(".git"), f"~/{name}", str(far.home / name)):
        there = look(far.ssh(path))
        assert there.is_there
        assert there.has_shell
        assert there.has_annex_shell
        assert (there.is_bare, there.uuid, there.branch, there.object_format) == (True, uuid, "", "sha1")
        assert there.git_dir == os.fsencode(far.home / name)
        assert not there.is_kept
        assert not there.has_assistant


def test_a_bare_one_that_is_no_annex(far: Far) -> None:
    bare(far, "plain.git", annex=False)
    assert look(far.ssh("plain.git")).uuid is None


def test_a_clone_with_files(far: Far) -> None:
    run_git(far.home, "init", "-q", "-b", "trunk", "clone")
    assert look(far.ssh("clone")).branch == "", "it has no commit yet"
    run_git(far.home / "clone", "commit", "-q", "--allow-empty", "-m", "x")
    there = look(far.ssh("clone"))
    assert (there.is_bare, there.branch, there.is_kept) == (False, "trunk", False)
    (far.home / "clone/.git/instep").mkdir()
    (far.home / "clone/.git/instep/lock").touch()
    assert look(far.ssh("clone")).is_kept


def test_nothing_and_something_else(far: Far) -> None:
    there = look(far.ssh("nothing"))
    assert (there.is_there, there.has_shell, there.is_other) == (False, True, False)
    (far.home / "files").mkdir()
    there = look(far.ssh("files"))
    assert (there.is_there, there.is_other) == (False, True)
    run_git(far.home, "init", "-q", ".")
    assert look(far.ssh("files")).is_other, "the repository that it is in is another one"


def test_git_annex_shell_where_a_person_says_that_it_is(far: Far) -> None:
    bare(far, "hub.git")
    assert not look(far.ssh("hub.git"), "/nowhere/git-annex-shell").has_annex_shell


def test_without_a_shell(far: Far) -> None:
    uuid = bare(far, "hub.git")
    assert look(far.ssh("hub.git", NO_SHELL)) == FarRepository(has_annex_shell=True, uuid=uuid)
    assert look(far.ssh("nothing.git", NO_SHELL)) == FarRepository()
    assert run_in_shell(far.ssh("hub.git", NO_SHELL), b"echo x") is None


def test_who_is_not_let_in_learns_nothing(far: Far) -> None:
    with pytest.raises(LinkError):
        look(far.ssh("hub.git", "exit 255"))


def test_paths() -> None:
    assert shell_path("~/a b") == b"~/'a b'"
    assert shell_path("~other/x") == b"~other/'x'"
    assert shell_path("~$(x)/y") == b"'~$(x)/y'"
    assert shell_path("~") == b"~"
    assert [annex_shell_path(path) for path in ("x", "~/x", "~o/x", "/x")] == [
        b"/~/x",
        b"/~/x",
        b"/~o/x",
        b"/x",
    ]


def test_content_is_synced_object_and_directories(far: Far, tmp_path: Path) -> None:  # I10
    bare(far, "hub.git")
    key = Key(b"SHA256-s1--x")
    place = far.home / "hub.git" / os.fsdecode(object_path(key, True))
    place.parent.mkdir(parents=True)
    place.write_bytes(b"x")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "sync").write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/synced\ntest ! -e {tmp_path}/broken\n'
    )
    (programs / "sync").chmod(0o755)
    script = f'PATH={programs}:$PATH; cd "$HOME"; exec /bin/sh -c "$2"'
    disk = FarDisk(far.ssh("hub.git", script), os.fsencode(far.home / "hub.git"))
    disk.sync(key)
    disk.sync(key)
    below = object_path(key, True).decode()
    parents = [below.rsplit("/", up)[0] for up in range(1, 4)]
    assert (tmp_path / "synced").read_text().splitlines() == [" ".join([below, *parents])] * 2
    (tmp_path / "broken").touch()
    with pytest.raises(AnnexError, match="synced"):
        disk.sync(key)
    (tmp_path / "broken").unlink()
    disk.sync(key)
    disk.close()
    with pytest.raises(AnnexError):
        disk.sync(key)


@pytest.mark.parametrize("name", ["hub.git", "it's `x` %s \\.git"])
def test_refs_are_listed_as_they_are_now(far: Far, name: str) -> None:  # I15
    bare(far, name, annex=False)
    hub = far.home / name
    refs = FarRefs(far.ssh(name, QUIET), os.fsencode(hub))
    assert refs.list() == {}
    tree = run_git(hub, "mktree", "--missing").decode().strip()
    for words in ("one", "two"):
        commit = run_git(hub, "commit-tree", "-m", words, tree).decode().strip()
        for ref in ("refs/heads/synced/main", "refs/synced/me/main", "refs/tags/none"):
            run_git(hub, "update-ref", ref, commit)
        oid = bytes.fromhex(commit)
        assert refs.list() == {"refs/heads/synced/main": oid, "refs/synced/me/main": oid}
    hub.rename(far.home / "away.git")
    with pytest.raises(AnnexError):
        refs.list()
    refs.close()


def test_a_kept_shell_that_ended_is_started_again(far: Far) -> None:  # I27
    shell = KeptShell(far.ssh("x", QUIET), os.fsencode(far.home), b'test "$p" != die || exit; echo "$p" $q')
    assert shell.ask(b"one", b"two") == [b"one two"]
    with pytest.raises(AnnexError):
        shell.ask(b"die")
    assert shell.ask(b"three") == [b"three"]
    shell.close()
    with pytest.raises(AnnexError):
        shell.ask(b"four")


@pytest.mark.anyio
async def test_moved_refs_are_heard_of(annexed: RepositoryMaker) -> None:
    folder = annexed()
    listener = RefListener(["git-annex-shell", "notifychanges", str(folder)])
    expected: set[bytes] = set()
    assert await listener.heard(lambda: expected), "that it listens is a hint to look"
    assert listener.has_said_ready
    run_git(folder, "commit", "-q", "--allow-empty", "-m", "one")
    expected.add(run_git(folder, "rev-parse", "HEAD").strip())
    run_git(folder, "branch", "other")
    run_git(folder, "commit", "-q", "--allow-empty", "-m", "two")
    assert await listener.heard(lambda: expected)
    listener.kill()
    while await listener.heard(lambda: expected):
        pass
    listener.close()


@pytest.mark.anyio
async def test_who_can_not_tell_says_so_at_once(plain_repository: RepositoryMaker) -> None:
    listener = RefListener(["git-annex-shell", "nonsense", str(plain_repository())])
    assert not await listener.heard(tuple)
    assert not listener.has_said_ready
    listener.close()
