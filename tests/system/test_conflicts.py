"""Both sides change the same file while out of touch: nothing is lost, and both end with the same files."""

import os
from pathlib import Path

import pytest

from .harness import Pair, head
from .worktree import join, read, tree, write

LINES = [b"line %d\n" % n for n in range(20)]


def edit_apart(pair: Pair, a: dict[str, bytes | None], b: dict[str, bytes | None]) -> None:
    """Changes files (None deletes) on both sides while neither runs, then brings both together."""
    pair.down()
    for folder, changes in ((pair.a, a), (pair.b, b)):
        for name, data in changes.items():
            if data is None:
                os.unlink(join(folder, name))
            else:
                write(folder, name, data)
    pair.up()
    pair.assert_equal()


def contents_of(folder: Path, stem: str) -> set[bytes]:
    """What the files hold whose names begin with `stem`."""
    return {data for path, (_, data) in tree(folder).items() if path.startswith(stem.encode())}


def changed(*edits: tuple[int, bytes]) -> bytes:
    """LINES with some of them replaced."""
    lines = list(LINES)
    for number, line in edits:
        lines[number] = line
    return b"".join(lines)


@pytest.fixture
def met(pair: Pair) -> Pair:
    """A pair in step that holds a text, a small binary and a large file."""
    write(pair.a, "text.txt", b"".join(LINES))
    write(pair.a, "small.bin", b"\0base")
    write(pair.a, "large.bin", b"\0" * 100_000)
    return pair.up()


def test_lines_are_merged(met: Pair) -> None:  # I1 I14
    edit_apart(met, {"text.txt": changed((1, b"from a\n"))}, {"text.txt": changed((18, b"from b\n"))})
    assert read(met.a, "text.txt") == changed((1, b"from a\n"), (18, b"from b\n"))
    assert head(met.a) == head(met.b)


def test_the_same_line_keeps_both_texts_and_no_markers(met: Pair) -> None:  # I1
    ours, theirs = changed((5, b"from a\n")), changed((5, b"from b\n"))
    edit_apart(met, {"text.txt": ours}, {"text.txt": theirs})
    assert contents_of(met.a, "text") == {ours, theirs}


@pytest.mark.parametrize("name", ["small.bin", "large.bin"])
def test_binary_files_keep_both_contents(met: Pair, name: str) -> None:  # I1 I5
    ours, theirs = b"\0from a" * 20_000, b"\0from b" * 20_000
    edit_apart(met, {name: ours}, {name: theirs})
    stem = name.removesuffix(".bin")
    assert contents_of(met.a, stem) == {ours, theirs}
    variants = [path for path in tree(met.a) if path.startswith(stem.encode())]
    assert any(b".variant-" in path for path in variants), variants


def test_edit_beats_delete(met: Pair) -> None:  # I5
    edit_apart(met, {"text.txt": None, "large.bin": b"edited"}, {"text.txt": b"edited\n", "large.bin": None})
    assert read(met.a, "text.txt") == b"edited\n"
    assert read(met.a, "large.bin") == b"edited"
    assert met.status(met.a)["attention"] == met.status(met.b)["attention"] == []


def test_both_delete_and_both_make_the_same(met: Pair) -> None:  # I13
    same: dict[str, bytes | None] = {"text.txt": None, "new.txt": b"equal\n", "new.bin": b"\0" * 200_000}
    edit_apart(met, same, same)
    assert read(met.b, "text.txt") is None
    assert sorted(tree(met.a)) == [b"large.bin", b"new.bin", b"new.txt", b"small.bin"]


def test_one_edits_what_the_other_renames(met: Pair) -> None:  # I1 I18
    met.down()
    os.rename(join(met.a, "text.txt"), join(met.a, "renamed.txt"))
    write(met.b, "text.txt", changed((3, b"edited\n")))
    met.up()
    met.assert_equal()
    assert changed((3, b"edited\n")) in {data for _, data in tree(met.a).values()}


def test_folders_with_files_that_never_met(pair: Pair) -> None:  # I1 I5
    for folder, own in ((pair.a, b"a"), (pair.b, b"b")):
        write(folder, "equal.txt", b"equal\n")
        write(folder, "equal.bin", b"\0" * 150_000)
        write(folder, "differs.txt", own + b"'s own text\n")
        write(folder, "differs.bin", (b"\0" + own) * 100_000)
        write(folder, b"only-" + own, own)
    pair.up()
    pair.assert_equal()
    assert read(pair.a, "equal.txt") == b"equal\n"
    assert contents_of(pair.a, "equal") == {b"equal\n", b"\0" * 150_000}
    assert contents_of(pair.a, "only-") == {b"a", b"b"}
    texts = {b"a's own text\n", b"b's own text\n"}
    assert contents_of(pair.a, "differs") == texts | {b"\0a" * 100_000, b"\0b" * 100_000}
    assert head(pair.a) == head(pair.b)
