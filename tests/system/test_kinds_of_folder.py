"""Every kind of folder is adopted as it is, and what is left is an ordinary repository."""

import os
from pathlib import Path

import pytest

from tests.conftest import run_git

from .harness import Pair, eventually, head
from .silence import assert_whole
from .worktree import join, read, tree, write

BIG = b"\0big" * 50_000


def fill(folder: Path) -> dict[bytes, tuple[str, bytes]]:
    """Puts a few files of each kind into a folder; its tree."""
    write(folder, "read me.txt", b"hello\n")
    write(folder, "deep/er/big.bin", BIG)
    write(folder, "tool", b"#!/bin/sh\n")
    os.chmod(join(folder, "tool"), 0o755)
    os.symlink("read me.txt", join(folder, "link"))
    write(folder, "empty", b"")
    return tree(folder)


def assert_sound(pair: Pair) -> None:
    """Stops both and asks the stock tools what they think."""  # I30
    for folder in (pair.a, pair.b):
        eventually(lambda folder=folder: run_git(folder, "status", "--porcelain") == b"", "a clean status")
    pair.down()
    for folder in (pair.a, pair.b):
        assert_whole(folder)
        run_git(folder, "annex", "fsck", "--quiet")
        assert run_git(folder, "status", "--porcelain") == b""


def test_new_folders(pair: Pair) -> None:
    pair.up()
    write(pair.a, "first", b"first\n")
    pair.wait(pair.a)
    assert tree(pair.b) == {b"first": ("file", b"first\n")}


def test_a_plain_folder_with_files(pair: Pair) -> None:  # I1 I30
    expected = fill(pair.a)
    pair.up()
    assert tree(pair.a) == expected, "adopting changes no file"
    assert tree(pair.b) == expected
    assert_sound(pair)


def test_a_git_repository_keeps_its_history(pair: Pair) -> None:  # I30
    fill(pair.a)
    run_git(pair.a, "init", "-q", "-b", "trunk")
    run_git(pair.a, "add", ".")
    run_git(pair.a, "commit", "-q", "-m", "by hand")
    first, expected = head(pair.a), tree(pair.a)
    pair.up()
    assert tree(pair.b) == expected
    run_git(pair.b, "merge-base", "--is-ancestor", first, "HEAD")
    assert run_git(pair.b, "symbolic-ref", "--short", "HEAD") == b"trunk\n"
    write(pair.b, "read me.txt", b"hello from b\n")
    pair.wait(pair.b)
    assert read(pair.a, "read me.txt") == b"hello from b\n"
    assert_sound(pair)


@pytest.mark.parametrize("unlocked", [True, False], ids=["unlocked", "locked"])
def test_a_git_annex_repository_keeps_its_settings(pair: Pair, unlocked: bool) -> None:  # I7 I30
    fill(pair.a)
    run_git(pair.a, "init", "-q", "-b", "main")
    run_git(pair.a, "annex", "init", "-q", "laptop")
    run_git(pair.a, "config", "annex.addunlocked", "true" if unlocked else "false")
    run_git(pair.a, "annex", "add", "-q", ".")
    run_git(pair.a, "commit", "-q", "-m", "by hand")
    expected = tree(pair.a)
    pair.up()
    assert read(pair.b, "deep/er/big.bin") == BIG
    assert tree(pair.a) == expected
    assert run_git(pair.a, "config", "annex.addunlocked").strip() == (b"true" if unlocked else b"false")
    write(pair.a, "more.bin", BIG + b"more")
    pair.wait(pair.a)
    assert read(pair.b, "more.bin") == BIG + b"more"
    assert_sound(pair)


def test_an_empty_remote_becomes_a_copy(pair: Pair) -> None:
    expected = fill(pair.a)
    pair.b.mkdir()
    pair.up()
    assert tree(pair.b) == expected


def test_a_new_folder_becomes_a_copy_of_its_remote(pair: Pair) -> None:
    fill(pair.b)
    run_git(pair.b, "init", "-q", "-b", "main")
    run_git(pair.b, "add", ".")
    run_git(pair.b, "commit", "-q", "-m", "by hand")
    expected = tree(pair.b)
    pair.up()
    assert tree(pair.a) == expected
    run_git(pair.a, "merge-base", "--is-ancestor", head(pair.b), "HEAD")


def test_new_folders_annex_what_is_large_and_keep_it_editable(pair: Pair) -> None:
    fill(pair.a)
    pair.up()
    entries = run_git(pair.b, "ls-tree", "-r", "HEAD").decode()
    assert "120000" in entries
    assert "/annex/objects/" in run_git(pair.b, "cat-file", "blob", "HEAD:deep/er/big.bin").decode()
    assert run_git(pair.b, "cat-file", "blob", "HEAD:read me.txt") == b"hello\n"
    with open(join(pair.b, "deep/er/big.bin"), "r+b") as file:
        file.write(b"edited in place")
    pair.wait(pair.b)
    data = read(pair.a, "deep/er/big.bin")
    assert data is not None
    assert data[:20] == b"edited in place" + BIG[15:20]


def test_nobody_told_git_a_name(pair: Pair) -> None:
    assert run_git(pair.a.parent, "config", "--list", "--global", check=False) == b""
    pair.up()
    write(pair.a, "x", b"x\n")
    pair.wait(pair.a)
    name, email = run_git(pair.a, "log", "-1", "--format=%an%n%ae", "--", "x").decode().splitlines()
    assert name
    assert "@" in email


def test_what_happened_while_nothing_ran(pair: Pair) -> None:  # I2 I21
    fill(pair.a)
    pair.up().down()
    os.unlink(join(pair.a, "read me.txt"))
    write(pair.a, "new/file", b"made while down\n")
    with open(join(pair.b, "tool"), "ab") as file:
        file.write(b"exit 0\n")
    os.rename(join(pair.b, "deep"), join(pair.b, "moved"))
    pair.up()
    pair.assert_equal()
    assert tree(pair.a) == {
        b"new/file": ("file", b"made while down\n"),
        b"tool": ("exec", b"#!/bin/sh\nexit 0\n"),
        b"moved/er/big.bin": ("file", BIG),
        b"link": ("link", b"read me.txt"),
        b"empty": ("file", b""),
    }
