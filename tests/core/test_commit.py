"""core/commit.py: nothing of anybody's commit is lost, and a merge's commit is the same everywhere."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instep.core.commit import Commit, MalformedCommit, Signature, describe, merge_commit
from instep.core.types import Change, Entry, Oid
from tests.conftest import GitRunner, RepositoryMaker
from tests.core.trees import entries, fake_oid, file, path, paths

TREE = b"tree " + b"1" * 40 + b"\n"
PARENT = b"parent " + b"2" * 40 + b"\n"
AUTHOR = "author Zoë <z@x> 1 +0100\n".encode()
COMMITTER = b"committer C O Mitter <c@x> 1700000000 -0730\n"
GPGSIG = b"gpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----\n"
ODD = [
    TREE + AUTHOR + COMMITTER + b"\nmessage\n",
    TREE + PARENT + PARENT + AUTHOR + COMMITTER + b"\n",
    TREE + AUTHOR + COMMITTER + b"encoding ISO-8859-1\n" + GPGSIG + b"x-unknown y\n\nm\xe9ssage, no newline",
    TREE + AUTHOR + COMMITTER,
    TREE + AUTHOR + COMMITTER[:-1],
    TREE + AUTHOR + b"\nno committer",
    TREE,
    TREE + b"\n",
    TREE + b"author \ncommitter <> \n\n",
    TREE + b"author Name <a@b> \ncommitter Name <a@b> 12\n\nx",
    TREE + b"author <a@b> 1 +0000\ncommitter A <b> c> 1 +0000\n\n",
    TREE + b"author   A  <a@b> 0001 +0000\ncommitter A<b> -5 +000000\n\n\n\nx",
    TREE + b"author A\rB <a\x0b@b> 1 +0000\n" + COMMITTER + b"\nx\0y",
    TREE + b"committer A <b> 1 +0000\nauthor A <b> 1 +0000\n\nx",
    TREE + AUTHOR + COMMITTER + PARENT + b"\nlate parent",
    TREE + b"author A <b> 99999999999999999999999 +0000\n" + COMMITTER + b"\n",
]


@pytest.mark.parametrize("data", ODD)
def test_what_somebody_wrote_stays_byte_for_byte(data: bytes) -> None:
    commit = Commit.parse(data, 20)
    assert commit.encode() == data
    assert commit.tree == Oid(b"\x11" * 20)


header = st.binary(max_size=30).map(lambda text: text.replace(b"\n", b""))


@given(st.lists(header, max_size=5), st.none() | st.binary(max_size=20))
def test_any_headers_stay(lines: list[bytes], message: bytes | None) -> None:
    data = TREE + b"".join(line + b"\n" for line in lines if line)
    data += b"" if message is None else b"\n" + message
    assert Commit.parse(data, 20).encode() == data


@given(st.binary(max_size=60))
def test_any_signature_stays(text: bytes) -> None:
    data = TREE + b"author " + text.replace(b"\n", b"") + b"\n" + COMMITTER + b"\nx"
    assert Commit.parse(data, 20).encode() == data


def test_the_fields() -> None:
    commit = Commit.parse(ODD[2], 20)
    assert commit.author == Signature("Zoë".encode(), b"z@x", 1, b"+0100")
    assert commit.committer == Signature(b"C O Mitter", b"c@x", 1700000000, b"-0730")
    assert commit.extra == b"encoding ISO-8859-1\n" + GPGSIG + b"x-unknown y\n"
    assert commit.message == b"m\xe9ssage, no newline"
    assert Commit.parse(ODD[1], 20).parents == (Oid(b"\x22" * 20),) * 2
    assert Commit.parse(ODD[3], 20).message is None
    assert Commit.parse(ODD[9], 20).committer.when == 12
    assert Commit.parse(ODD[11], 20).committer.when == -5


@pytest.mark.parametrize(
    "data", [b"", PARENT, b"tree xyz\n", TREE[:-1], TREE + b"parent abc\n", b"blob" * 20]
)
def test_what_is_no_commit_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedCommit):
        Commit.parse(data, 20)


def test_sha256_ids() -> None:
    commit = Commit(
        Oid(b"t" * 32), (Oid(b"p" * 32),), Signature(b"a", b"b", 1), Signature(b"c", b"d", 2), b"m"
    )
    assert Commit.parse(commit.encode(), 32) == commit


def _head(number: int, when: int) -> tuple[Oid, Commit]:
    who = Signature(b"someone", b"x@y", when, b"+0530")
    return fake_oid(number), Commit(fake_oid(100 + number), (), who, who, b"m\n")


def test_a_merge_is_the_same_on_every_node() -> None:
    """I14, I20: nothing of this machine, its clock or its order of arrival is in the commit."""
    one, two = _head(1, 5000), _head(2, 7000)
    merged = merge_commit(fake_oid(0), [one, two], b"merge\n")
    assert merged == merge_commit(fake_oid(0), [two, one, two], b"merge\n")
    assert merged.parents == tuple(sorted([one[0], two[0]]))
    assert merged.committer == merged.author == Signature(b"instep", b"instep@localhost", 7000, b"+0000")
    assert Commit.parse(merged.encode(), 20) == merged


def test_git_accepts_and_repeats_our_commits(plain_repository: RepositoryMaker, git: GitRunner) -> None:
    folder = plain_repository()
    tree = Oid(bytes.fromhex(git(folder, "mktree").decode().strip()))
    _, one = _head(1, 0)
    first = Commit(tree, (), one.author, one.committer, b"first\n").encode()
    named = git(folder, "hash-object", "-w", "-t", "commit", "--stdin", input=first).decode().strip()
    merged = merge_commit(tree, [(Oid(bytes.fromhex(named)), one), (Oid(bytes.fromhex(named)), one)], b"m\n")
    again = (
        git(folder, "hash-object", "-w", "-t", "commit", "--stdin", input=merged.encode()).decode().strip()
    )
    assert (
        git(folder, "log", "-1", "--format=%an %ae %at %P", again)
        == f"instep instep@localhost 0 {named}\n".encode()
    )
    assert (
        subprocess.run(["git", "-C", folder, "fsck", "--strict"], check=False, capture_output=True).returncode
        == 0
    )


A, B = file("1"), file("2")


def renamed(old: str, new: str, entry: Entry) -> list[Change]:
    return [Change(path(old), entry, None), Change(path(new), None, entry)]


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ([Change(path("notes/todo.txt"), None, A)], "Add notes/todo.txt"),
        ([Change(path("x"), A, B)], "Change x"),
        ([Change(path("x"), A, None)], "Delete x"),
        ([Change(path("x"), A, None), Change(path("y"), None, A)], "Move x to y"),
        ([Change(path("a"), None, A), Change(path("b"), A, None)], "Move b to a"),
        ([Change(path("a"), None, B), Change(path("b"), A, None)], "Add 1 file, delete 1"),
        ([Change(path("a"), A, B)] * 3 + [Change(path("b"), A, None)], "Change 3 files, delete 1"),
        ([Change(path("a"), None, B)] * 2 + [Change(path("b"), A, B)], "Add 2 files, change 1"),
        (renamed("d/1", "e/1", A), "Move d to e"),
        (renamed("a", "k/a", A), "Move a to k/a"),
        ([*renamed("d/x/a", "e/x/a", A), *renamed("d/x/b", "e/x/b", B)], "Move d to e"),
        ([*renamed("a", "k/a", A), *renamed("b", "k/b", B)], "Move 2 files"),
        (
            [*renamed("a", "c", A), Change(path("b"), B, None), Change(path("d"), A, B)],
            "Change 1 file, move 1, delete 1",
        ),
        ([Change(path(b"a\nb\xff"), None, B)], "Add a\ufffdb\ufffd"),
        ([Change(path("d/" * 50 + "end.txt"), None, B)], "Add …" + ("d/" * 50 + "end.txt")[-67:]),
        ([], "Change nothing"),
    ],
)
def test_the_subject_says_what_was_done(changes: list[Change], subject: str) -> None:
    assert describe(changes) == subject.encode() + b"\n"


@given(
    st.lists(
        st.builds(Change, paths | st.binary(min_size=1).map(path), st.none() | entries, st.none() | entries)
    )
)
def test_any_changes_have_a_subject(changes: list[Change]) -> None:
    text = describe(changes).decode()
    assert text.endswith("\n")
    assert 1 < len(text) <= 73
    assert text[:-1].isprintable()


def test_entries_compare_by_mode_too() -> None:
    changed = [Change(path("x"), A, None), Change(path("y"), None, Entry(0o100755, A.oid))]
    assert describe(changed) == b"Add 1 file, delete 1\n"
