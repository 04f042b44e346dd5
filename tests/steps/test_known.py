"""A file is recognised by what it is, never by when it was told of (I4)."""

from instep.core.types import MODE_FILE, Entry, Oid, RelPath
from instep.fs.identity import Identity
from instep.steps.known import KnownFiles

A = RelPath(b"a")
ONE = Entry(MODE_FILE, Oid(b"1" * 20))
SEEN = Identity(dev=1, ino=2, size=3, mtime_ns=4, ctime_ns=5, mode=0o100644)


def test_the_same_file_is_recognised() -> None:  # I4
    known = KnownFiles()
    known.note(A, SEEN, ONE)
    assert known.entry(A, SEEN) == ONE


def test_a_file_that_differs_in_anything_is_not() -> None:  # I4
    known = KnownFiles()
    known.note(A, SEEN, ONE)
    for field in SEEN._fields:
        other = SEEN._replace(**{field: getattr(SEEN, field) + 1})
        assert known.entry(A, other) is None, field


def test_a_guess_is_told_as_a_guess() -> None:  # I4 I5
    known = KnownFiles()
    known.note(A, SEEN, ONE, guess=True)
    assert (known.entry(A, SEEN), known.entry_of_content(A, SEEN), known.guess(A, SEEN)) == (None, None, ONE)
    assert known.guess(A, SEEN._replace(ctime_ns=6)) is None
    known.note(A, SEEN, ONE)
    assert (known.entry(A, SEEN), known.guess(A, SEEN)) == (ONE, None)


def test_the_oldest_is_forgotten_first() -> None:
    known = KnownFiles(capacity=2)
    for name in (b"a", b"b", b"c"):
        known.note(RelPath(name), SEEN, ONE)
    assert known.entry(A, SEEN) is None
    assert known.entry(RelPath(b"c"), SEEN) == ONE


def test_forgetting_a_path_that_is_not_known_is_nothing() -> None:
    KnownFiles().forget(A)
