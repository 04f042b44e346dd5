"""Names are bytes: whatever the filesystem holds arrives, spelt as it was."""

import os

import pytest

from .harness import Pair
from .worktree import join, read, write

NAMES = [
    b"with a space",
    b" leading and trailing ",
    b"new\nline",
    b"tab\tand\rreturn",
    b"not utf-8 \xff\xfe\x80",
    b"-rf",
    b"--option=x",
    b"quote\"and'and\\back",
    b"*?[glob]",
    b"%41%00",
    b"&amp;:;|$HOME`x`",
    "é composed".encode(),
    "é decomposed".encode(),
    b"x" * 255,
    b"HEAD",
    b".hidden",
    b"...",
    b"d/" * 60 + b"deep",
    b"git-annex",
    b"CON.txt",
    b"#autosave-lookalike",
]


@pytest.mark.parametrize("large", [False, True], ids=["git", "annex"])
def test_every_name_arrives_and_leaves(running: Pair, large: bool) -> None:  # I1 I24
    files = {name: (b"%d\n" % n) + b"." * (100_000 * large) for n, name in enumerate(NAMES)}
    for n in range(len(NAMES)):  # so that what is deleted below is not the whole folder (I8)
        write(running.a, f"stays/{n}", b"stays %d\n" % n)
    for name, data in files.items():
        write(running.a, name, data)
    running.wait(running.a)
    assert {name: read(running.b, name) for name in NAMES} == files

    for name in NAMES:
        os.unlink(join(running.b, name))
    running.wait(running.b)
    assert [name for name in NAMES if os.path.lexists(join(running.a, name))] == []


def test_names_that_differ_only_in_case(running: Pair) -> None:  # I24
    for n, name in enumerate((b"Readme", b"README", b"readme")):
        write(running.a, name, b"%d\n" % n)
    running.wait(running.a)
    assert [read(running.b, name) for name in (b"Readme", b"README", b"readme")] == [b"0\n", b"1\n", b"2\n"]


def test_a_long_folder_path(pair: Pair) -> None:
    pair.a = pair.a / ("long" * 50) / "folder"
    pair.b = pair.b / ("lang" * 50) / "ordner"
    pair.a.mkdir(parents=True)
    pair.b.parent.mkdir(parents=True)
    write(pair.a, "x", b"x\n")
    pair.up()
    assert read(pair.b, "x") == b"x\n"
