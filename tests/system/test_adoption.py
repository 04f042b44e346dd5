"""Any folder is adopted with the work that is going on in it, or refused with a way out that works."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.conftest import run_git

from .harness import Pair, eventually, head
from .silence import assert_whole
from .worktree import join, read, tree, write

BIG = b"\0big" * 50_000


def repository(folder: Path, files: dict[str, bytes] | None = None, *options: str) -> Path:
    """A git repository on `main` with these files in one commit."""
    folder.mkdir(parents=True)
    run_git(folder, "init", "-q", "-b", "main", *options)
    for name, data in (files or {"file": b"file\n", "sub/other": b"other\n"}).items():
        write(folder, name, data)
    run_git(folder, "add", ".")
    run_git(folder, "commit", "-q", "-m", "by hand")
    return folder


def assert_clean(pair: Pair, *folders: Path) -> None:
    for folder in folders or (pair.a, pair.b):
        eventually(lambda folder=folder: run_git(folder, "status", "--porcelain") == b"", "a clean status")


def test_work_that_is_going_on(pair: Pair) -> None:  # I1 I27
    names = ("staged", "unstaged", "both", "removed", "untracked by hand", "deleted")
    folder = repository(pair.a, dict.fromkeys(names, b"old\n"))
    write(folder, "staged", b"staged\n")
    write(folder, "both", b"staged differently\n")
    write(folder, "new and staged", b"new, staged\n")
    run_git(folder, "add", "staged", "both", "new and staged")
    write(folder, "both", b"in the work tree\n")
    write(folder, "new and staged", b"new, in the work tree\n")
    write(folder, "unstaged", b"unstaged\n")
    write(folder, "untracked", b"untracked\n")
    write(folder, "intended", b"intended\n")
    run_git(folder, "add", "--intent-to-add", "intended")
    run_git(folder, "rm", "-q", "removed")
    run_git(folder, "rm", "-q", "--cached", "untracked by hand")
    os.unlink(join(folder, "deleted"))
    expected = tree(folder)
    pair.up()
    assert tree(pair.a) == tree(pair.b) == expected
    pair.down()
    pair.up()
    staged = run_git(pair.a, "ls-files", "--stage", "both", "new and staged").split(b"\n")
    ids = [line.split()[1].decode() for line in staged if line]
    contents = [run_git(pair.a, "cat-file", "blob", ident) for ident in ids]
    assert contents == [b"staged differently\n", b"new, staged\n"]
    assert tree(pair.a) == tree(pair.b) == expected


def test_a_stash_that_was_popped_into_a_conflict(pair: Pair) -> None:  # I1 I27
    folder = repository(pair.a)
    write(folder, "file", b"stashed\n")
    run_git(folder, "stash")
    write(folder, "file", b"committed\n")
    run_git(folder, "commit", "-q", "-a", "-m", "other")
    run_git(folder, "stash", "pop", check=False)
    before, conflict = tree(folder), run_git(folder, "ls-files", "-u")
    assert conflict
    pair.up()
    assert tree(pair.a) == tree(pair.b) == before
    assert run_git(folder, "ls-files", "-u") == conflict
    assert run_git(folder, "show", "stash@{0}:file") == b"stashed\n"


def test_a_repository_with_a_second_work_tree(pair: Pair) -> None:  # I23 I30
    folder = repository(pair.a)
    second = pair.a.parent / "second"
    run_git(folder, "worktree", "add", "-q", "-b", "second", str(second))
    run_git(folder, "worktree", "add", "-q", "-b", "inside", str(folder / "inside"))
    write(second, "file", b"edited in the second\n")
    pair.up()
    write(pair.b, "file", b"from b\n")
    pair.wait(pair.b)
    assert read(pair.a, "file") == b"from b\n"
    assert read(pair.b, "inside/file") is None
    run_git(second, "commit", "-q", "-a", "-m", "second")
    pair.wait()
    assert run_git(second, "show", "second:file") == b"edited in the second\n"
    assert pair.instep("up", second, check=False).code == 2
    assert "another work tree" in pair.instep("up", second, check=False).err


def test_a_repository_that_is_elsewhere(pair: Pair) -> None:  # I30
    elsewhere = pair.a.parent / "elsewhere.git"
    repository(pair.a, None, f"--separate-git-dir={elsewhere}")
    pair.up()
    write(pair.b, "new", b"new\n")
    write(pair.a, "big", BIG)
    pair.assert_equal()
    assert_clean(pair)
    assert_whole(pair.a)


def test_a_work_tree_that_is_named(pair: Pair) -> None:
    folder = repository(pair.a)
    run_git(folder, "config", "core.worktree", str(folder))
    pair.up()
    assert read(pair.b, "file") == b"file\n"


def test_objects_that_are_borrowed(pair: Pair) -> None:  # I30
    origin = repository(pair.a.parent / "origin")
    run_git(origin, "gc", "-q")
    run_git(pair.a.parent, "clone", "-q", "--shared", str(origin), str(pair.a))
    run_git(pair.a, "remote", "remove", "origin")
    pair.up()
    write(pair.b, "file", b"from b\n")
    pair.wait(pair.b)
    assert read(pair.a, "file") == b"from b\n"
    assert_whole(pair.b)


def test_submodules_are_the_person_s(pair: Pair) -> None:  # I23 I30
    library = repository(pair.a.parent / "library", {"file": b"of the library\n"})
    folder = repository(pair.a)
    allow = ("-c", "protocol.file.allow=always")
    run_git(folder, *allow, "submodule", "add", "-q", str(library), "lib")
    run_git(folder, "commit", "-q", "-m", "with a library")
    link = run_git(folder, "ls-tree", "HEAD", "lib")
    pair.up()
    write(pair.a, "lib/file", b"edited inside\n")
    run_git(folder / "lib", "commit", "-q", "-a", "-m", "inside")
    write(pair.b, "file", b"from b\n")
    pair.wait()
    assert run_git(pair.a, "ls-tree", "HEAD", "lib") == run_git(pair.b, "ls-tree", "HEAD", "lib") == link
    run_git(folder, "add", "lib")
    run_git(folder, "commit", "-q", "-m", "move it")
    moved = run_git(folder, "ls-tree", "HEAD", "lib")
    assert moved != link
    eventually(lambda: run_git(pair.b, "ls-tree", "HEAD", "lib") == moved, "the moved link")
    pair.wait()
    assert run_git(pair.a, "ls-tree", "HEAD", "lib") == moved
    assert_clean(pair, pair.b)
    assert read(pair.a, "lib/file") == b"edited inside\n"


@pytest.mark.parametrize("mode", ["--cone", "--no-cone"])
def test_a_sparse_checkout(pair: Pair, mode: str) -> None:  # I2 I30
    files = {f"{place}/{n}": b"%d\n" % n for place in ("in", "out", "out/deep") for n in range(2)}
    folder = repository(pair.a, files | {"top": b"top\n"})
    run_git(folder, "sparse-checkout", "set", mode, *(["in"] if mode == "--cone" else ["/in/", "/top"]))
    here = tree(folder)
    assert set(here) == {b"in/0", b"in/1", b"top"}
    pair.up()
    assert tree(pair.a) == here
    assert set(tree(pair.b)) == {name.encode() for name in (*files, "top")}
    write(pair.b, "out/0", b"changed\n")
    write(pair.b, "out/new", b"new\n")
    write(pair.b, "in/0", b"changed\n")
    os.unlink(join(pair.b, "out/deep/0"))
    pair.wait(pair.b)
    assert tree(pair.a) == here | {b"in/0": ("file", b"changed\n")}
    write(pair.a, ".gitignore", b"*.tmp\n")  # everything is looked at anew
    pair.wait(pair.a)
    assert read(pair.b, "out/1") == b"1\n"
    assert_clean(pair)
    run_git(folder, "sparse-checkout", "set", mode, *(["out"] if mode == "--cone" else ["/out/"]))
    pair.wait(pair.a)
    assert read(pair.b, "in/1") == b"1\n"
    assert read(pair.a, "out/new") == b"new\n"
    assert_clean(pair)
    run_git(folder, "sparse-checkout", "disable")
    pair.assert_equal()
    assert_clean(pair)


@pytest.mark.parametrize("kind", ["shallow", "partial"])
def test_a_clone_that_is_not_whole(pair: Pair, kind: str) -> None:
    """The way out that is named leads there."""
    origin = repository(pair.a.parent / "origin")
    run_git(origin, "config", "uploadpack.allowFilter", "true")
    write(origin, "file", b"second\n")
    run_git(origin, "commit", "-q", "-a", "-m", "second")
    how = "--depth=1" if kind == "shallow" else "--filter=blob:none"
    run_git(pair.a.parent, "clone", "-q", how, f"file://{origin}", str(pair.a))
    refused = pair.instep("up", pair.a, pair.b, check=False)
    assert refused.code == 2
    assert kind in refused.err
    assert not pair.b.exists()
    way_out = refused.err.strip().splitlines()[-1].partition(": ")[2]
    for command in way_out.split(";"):
        subprocess.run(shlex.split(command), check=True, capture_output=True)
    run_git(pair.a, "remote", "remove", "origin")
    pair.up()
    assert read(pair.b, "file") == b"second\n"
    assert_whole(pair.b)


@pytest.mark.parametrize("version", ["8", "9", "10"])
def test_versions_of_git_annex(pair: Pair, version: str) -> None:  # I30
    repository(pair.a)
    run_git(pair.a, "-c", "annex.autoupgraderepository=false", "annex", "init", "-q", f"--version={version}")
    run_git(pair.a, "config", "annex.autoupgraderepository", "false")
    run_git(pair.a, "config", "annex.version", version)
    write(pair.a, "locked", BIG)
    run_git(pair.a, "annex", "add", "-q", "locked")
    run_git(pair.a, "commit", "-q", "-m", "locked")
    pair.up()
    write(pair.b, "from b", BIG + b"b")
    pair.wait(pair.b)
    assert read(pair.a, "from b") == BIG + b"b"
    assert read(pair.b, "locked") == BIG
    assert run_git(pair.a, "config", "annex.version").strip().decode() == version
    pair.down()
    run_git(pair.a, "annex", "fsck", "--quiet")


BACKENDS = ("SHA1E", "SHA3_256E", "SKEIN256E", "BLAKE2B256E", "MD5E", "XXH3E", "WORM")


def test_keys_of_every_backend(pair: Pair) -> None:  # I11 I30
    """What can't be verified natively is verified by git-annex, or has no hash to be verified by."""
    repository(pair.a)
    run_git(pair.a, "annex", "init", "-q")
    for backend in BACKENDS:
        write(pair.a, backend, BIG + backend.encode())
        run_git(pair.a, "annex", "add", "-q", f"--backend={backend}", backend)
    run_git(pair.a, "commit", "-q", "-m", "backends")
    pair.up()
    pair.assert_equal()
    for backend in BACKENDS:
        assert read(pair.b, backend) == BIG + backend.encode(), backend
    pair.down()
    for folder in (pair.a, pair.b):
        run_git(folder, "annex", "fsck", "--quiet")
    whereis = run_git(pair.b, "annex", "find", "--in=here").splitlines()
    assert len(whereis) == len(BACKENDS)


def test_a_shared_repository(pair: Pair) -> None:  # I30
    repository(pair.a, None, "--shared=group")
    pair.up()
    write(pair.a, "big", BIG)
    write(pair.b, "small", b"small\n")
    pair.assert_equal()
    pair.down()
    for path in (pair.a / ".git").rglob("*"):
        inside = path.relative_to(pair.a / ".git").parts
        if inside[0] in ("objects", "refs") or inside[:2] == ("annex", "objects"):
            mode = path.stat().st_mode
            assert mode & 0o040, f"the group can't read {path}"
            assert not path.is_dir() or mode & 0o020, f"the group can't write in {path}"


@pytest.mark.parametrize("setting", ["annex.pidlock=true", "annex.tune.objecthash1=true"])
def test_what_is_not_supported_is_refused(pair: Pair, setting: str) -> None:
    repository(pair.a)
    tunes = ["-c", setting] if "tune" in setting else []
    run_git(pair.a, *tunes, "annex", "init", "-q")
    if not tunes:
        run_git(pair.a, "config", *setting.split("="))
    refused = pair.instep("up", pair.a, pair.b, check=False)
    assert refused.code == 2
    assert setting.partition("=")[0].rpartition(".")[0] in refused.err
    assert len(refused.err.splitlines()) == 2


def test_both_sides_have_files_and_never_met(pair: Pair) -> None:  # I1 I14
    repository(pair.a, {"same": b"same\n", "differs": b"a\n", "only a": b"a\n"})
    repository(pair.b, {"same": b"same\n", "differs": b"b\n", "only b": b"b\n"})
    heads = head(pair.a), head(pair.b)
    pair.up()
    pair.assert_equal()
    found = tree(pair.a)
    assert found[b"same"] == ("file", b"same\n")
    assert {data for name, (_, data) in found.items() if name.startswith(b"differs")} == {b"a\n", b"b\n"}
    assert {b"only a", b"only b"} <= found.keys()
    assert len(found) == 5
    for one in heads:
        run_git(pair.a, "merge-base", "--is-ancestor", one, "HEAD")


def test_sha256_on_both_sides(pair: Pair) -> None:
    repository(pair.a, None, "--object-format=sha256")
    pair.up()
    assert run_git(pair.b, "rev-parse", "--show-object-format") == b"sha256\n"
    write(pair.b, "new", b"new\n")
    write(pair.b, "big", BIG)
    pair.assert_equal()
    assert_clean(pair)


def test_sha256_on_one_side_is_refused(pair: Pair) -> None:
    repository(pair.a, None, "--object-format=sha256")
    repository(pair.b)
    refused = pair.instep("up", pair.a, pair.b, check=False)
    assert refused.code == 2
    assert "sha256" in refused.err


def test_one_folder_inside_the_other_by_a_link(pair: Pair) -> None:
    pair.up()
    (pair.a / "sub").mkdir()
    link = pair.a.parent / "link"
    link.symlink_to(pair.a / "sub")
    refused = pair.instep("up", link, check=False)
    assert refused.code == 2
    assert "is inside" in refused.err
    refused = pair.instep("up", pair.b, link / "new", check=False)
    assert refused.code == 2
