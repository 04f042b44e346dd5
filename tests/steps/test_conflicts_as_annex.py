"""The same conflicts resolved by git-annex itself, on both of its sides: where these agree, so do we.

A file that one side edited and the other deleted is alone in its merge here: beside other conflicts git-annex
10.20261026 was seen to give one's version the other's name on one side, and to end with an error.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from instep.annex.launcher import find_launcher
from instep.core.tree import walk
from instep.steps.meeting import Meeting
from tests.conftest import run_git
from tests.steps.side import Side, big

LARGE = ["both-locked.txt", "both-unlocked.txt", "mixed.txt", "d.e/no-ending", "two.tar.gz", "relocked"]
EDITED = "edited-deleted.txt"
SYNC = ("sync", "--no-commit", "--no-content")


def annex(folder: Path, *args: str) -> None:
    who = {f"GIT_{role}_{what}": "t@x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    find_launcher().run(os.fsencode(folder), *args, environment=who)


def large(folder: Path, name: str, text: str, *, locked: bool = False) -> None:
    path = folder / name
    path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(big(text))
    annex(folder, "add", "-q", "-c", f"annex.addunlocked={str(not locked).lower()}", name)


def plain(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    run_git(folder, "-c", "annex.largefiles=nothing", "add", name)


def change(folder: Path, own: str) -> None:
    """What each side does with the files that both know, and new ones of one name."""
    for name in LARGE:
        locked = name == "both-locked.txt" or (name == "mixed.txt" and own == "a")
        large(folder, name, own, locked=locked)
    large(folder, "same-key", "same", locked=own == "a")
    large(folder, "clip.variant-1234.txt", own)
    if own == "a":
        large(folder, "annexed-plain", own)
    else:
        plain(folder, "annexed-plain", own)


def edit_and_delete(folder: Path, own: str) -> None:
    if own == "a":
        large(folder, EDITED, own, locked=True)
    else:
        run_git(folder, "rm", "-q", EDITED)


def listing(folder: Path, what: str) -> dict[str, str]:
    """Mode and blob of each file, by name."""
    rows = run_git(folder, "ls-tree", "-r", "-z", what).decode().split("\0")[:-1]
    return {name: meta for meta, name in (row.split("\t") for row in rows)}


def ours(side: Side, head: bytes) -> dict[str, str]:
    """What we make of both heads."""
    store = side.state.repo.objects
    theirs = type(side.head)(head)
    merged = Meeting(side.state).trees(side.head, theirs)
    store.write(merged.objects)
    return {
        os.fsdecode(path): f"{entry.mode:06o} blob {entry.oid.hex()}"
        for path, entry in walk(merged.root, store.tree)
    }


class Settled(NamedTuple):
    """What is left of one merge, by three hands."""

    first: dict[str, str]
    second: dict[str, str]
    ours: dict[str, str]


def settled(template: Path, place: Path, start: list[str], change: Callable[[Path, str], None]) -> Settled:
    """Two clones of a repository with these files, changed, then each brought to the other by `sync`."""
    base = place / "base"
    shutil.copytree(template, base, symlinks=True)
    for name in start:
        large(base, name, f"start of {name}", locked=name == EDITED)
    run_git(base, "commit", "-q", "-m", "start")
    folders = [place / own for own in "ab"]
    for folder in folders:
        shutil.copytree(base, folder, symlinks=True)
        change(folder, folder.name)
        run_git(folder, "commit", "-q", "-m", folder.name)
    heads = [bytes.fromhex(run_git(folder, "rev-parse", "HEAD").decode().strip()) for folder in folders]
    for folder, other in (folders, folders[::-1]):
        run_git(folder, "fetch", "-q", str(other), "main:refs/heads/synced/main")
    side = Side.open(folders[0])
    mine = ours(side, heads[1])
    side.close()
    for folder in folders:
        annex(folder, *SYNC)
    return Settled(listing(folders[0], "HEAD"), listing(folders[1], "HEAD"), mine)


def test_names_are_git_annexs(template: Path, tmp_path: Path) -> None:  # I14 I30
    done = settled(template, tmp_path, LARGE, change)
    assert done.ours == done.first == done.second
    assert len(done.ours) == 2 * (len(LARGE) + 2) + 1


def test_an_edit_that_meets_a_deletion_keeps_its_name(template: Path, tmp_path: Path) -> None:  # I5
    """The one difference; ADR 4 says why."""
    done = settled(template, tmp_path, [EDITED], edit_and_delete)
    assert done.first == done.second
    (variant,) = done.first
    assert variant.startswith("edited-deleted.variant-")
    assert done.ours == {EDITED: done.first[variant]}
