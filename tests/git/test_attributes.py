"""Attributes, compared with `git check-attr` on nonsense."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from instep.core.types import RelPath
from instep.git.attributes import Attributes
from instep.git.repository import Repository
from tests.conftest import run_git

NAMES = frozenset({"annex.largefiles", "annex.backend"})
PATHS = [
    RelPath(directory + name)
    for directory in (b"", b"a/", b"a/b/", b"ab/", b"A/")
    for name in (b"a", b"b", b"ab", b"A", b"a b", b'"a', b"!a", b"\xc3\xa9", b"\xff", b"#a", b"x.c")
]
PATTERN = st.lists(
    st.sampled_from(
        [b"a", b"b", b"A", b"*", b"**", b"?", b"/", b"[ab]", b"[!a]", b"\\a", b"!", b".c", b"\xc3\xa9", b"#"]
    ),
    min_size=1,
    max_size=4,
).map(b"".join)
QUOTED = st.sampled_from([b'"a b"', b'"a"', b'"\\303\\251"', b'"\\"a"', b'"a\\q"', b'"a', b'"a"x', b'"*"'])
WORD = st.sampled_from(
    [
        *(b"annex.largefiles=anything", b"annex.largefiles=(not(include=*.c))", b"annex.largefiles="),
        *(b"annex.largefilesx", b"annex.largefiles", b"-annex.largefiles", b"!annex.largefiles"),
        b"-annex.largefiles=x",
        *(
            b"annex.backend=MD5",
            b"!annex.backend",
            b"-text",
            b"x=y",
            b"--x",
            b"a%",
            b"=",
            b"annex.largefilesx",
        ),
    ]
)
LINE = st.tuples(
    st.sampled_from([b"", b"", b" ", b"\t", b"#"]),
    st.one_of(PATTERN, PATTERN, QUOTED),
    st.sampled_from([b" ", b"\t", b"  "]),
    st.lists(WORD, max_size=3).map(b" ".join),
    st.sampled_from([b"\n", b"\n", b"\r\n"]),
).map(b"".join)
PLACES = st.sampled_from(
    [b".gitattributes", b".gitattributes", b"a/.gitattributes", b"a/b/.gitattributes", b"info", b"own"]
)
FILES = st.dictionaries(PLACES, st.lists(LINE, max_size=4).map(b"".join), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    folder = tmp_path_factory.mktemp("attributes")
    run_git(folder, "init", "-q", ".")
    run_git(folder, "config", "core.attributesFile", str(folder / ".git/own"))
    for directory in ("a/b", "ab", "A"):
        (folder / directory).mkdir(parents=True)
    return Repository.open(folder)


def _place(repo: Repository, place: bytes) -> Path:
    special = {b"info": repo.git_dir + b"/info/attributes", b"own": repo.git_dir + b"/own"}
    return Path(os.fsdecode(special.get(place, repo.root + b"/" + place)))


def _as_git(repo: Repository) -> dict[tuple[bytes, str], str]:
    words = repo.run(
        *("check-attr", "-z", "--stdin", *sorted(NAMES)), input=b"".join(path + b"\0" for path in PATHS)
    ).split(b"\0")
    found = zip(words[::3], words[1::3], words[2::3], strict=False)
    return {(path, name.decode()): os.fsdecode(value) for path, name, value in found}


def _ours(attributes: Attributes) -> dict[tuple[bytes, str], str]:
    found = {(path, name): attributes.get(path, name) for path in PATHS for name in sorted(NAMES)}
    return {
        asked: "unspecified" if setting is None else str(setting.value) for asked, setting in found.items()
    }


@settings(max_examples=100)
@example(files={b".gitattributes": b"a annex.backend=\na !annex.backend\n"}, fold=False)
@example(files={b"own": b"* annex.backend=a\n", b"a/.gitattributes": b"b !annex.backend"}, fold=False)
@given(files=FILES, fold=st.sampled_from([False, False, True]))
def test_as_git_does(shared: Repository, files: dict[bytes, bytes], fold: bool) -> None:
    shared.run("config", "core.ignoreCase", str(fold).lower())
    shared.config.reload()
    for place, text in files.items():
        _place(shared, place).write_bytes(text)
    try:
        assert _ours(Attributes(shared, NAMES)) == _as_git(shared)
    finally:
        for place in files:
            _place(shared, place).unlink()


def test_a_change_is_seen_when_it_is_told(shared: Repository) -> None:  # I22
    attributes, path = Attributes(shared, NAMES), RelPath(b"a/b/a")
    assert attributes.get(path, "annex.backend") is None
    file = _place(shared, b"a/b/.gitattributes")
    file.write_text("a annex.backend=MD5\n")
    try:
        attributes.forget()
        setting = attributes.get(path, "annex.backend")
        assert setting is not None
        assert setting == ("MD5", os.fsencode(file))
    finally:
        file.unlink()


def test_a_macro_that_sets_ours_is_named(shared: Repository) -> None:
    file = _place(shared, b".gitattributes")
    file.write_text("[attr]big annex.largefiles=anything\n[attr]text -diff\n* big\n")
    try:
        attributes = Attributes(shared, NAMES)
        attributes.get(RelPath(b"a"), "annex.largefiles")
        assert attributes.macros == {os.fsencode(file)}
    finally:
        file.unlink()
