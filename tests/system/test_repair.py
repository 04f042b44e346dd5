"""Something in a repository is damaged: it is found, said, and mended by itself where that can be done.

One folder is stopped, damaged as by a failing disk or a power cut, changed by a person meanwhile, and
started again. Nothing is lost, the two folders become equal, and git finds the repository whole.
"""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import run_git

from .harness import Pair, eventually
from .ledger import Ledger, lost
from .silence import assert_whole
from .worktree import read, write

SOAK = bool(os.environ.get("INSTEP_SOAK"))
SMALL, LARGE = 2_000, 70_000
SAID = {"branch-empty", "annex-branch-empty", "commit-empty", "blob-garbage", "config-garbage", "index-empty"}
"""Damages of which the log tells."""
Damage = Callable[[Path], None]
"""Does it to the repository (`.git`) of a folder."""


def overwrite(name: str, data: bytes) -> Damage:
    def damage(git_dir: Path) -> None:
        path = git_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.chmod(0o644)
        path.write_bytes(data)

    return damage


def truncate(name: str) -> Damage:
    def damage(git_dir: Path) -> None:
        path = git_dir / name
        os.truncate(path, path.stat().st_size // 2)

    return damage


def remove(name: str) -> Damage:
    def damage(git_dir: Path) -> None:
        path = git_dir / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return damage


def an_object(expression: str, data: bytes | None) -> Damage:
    """Spoils (None: removes) the loose object that a revision names."""

    def damage(git_dir: Path) -> None:
        oid = run_git(git_dir.parent, "rev-parse", expression).decode().strip()
        path = git_dir / "objects" / oid[:2] / oid[2:]
        path.chmod(0o644)
        path.unlink() if data is None else path.write_bytes(data)

    return damage


def a_pack(ending: str, data: bytes | None) -> Damage:
    """Has git pack everything, and spoils (None: removes) a file of each pack: some are kept as they came."""

    def damage(git_dir: Path) -> None:
        run_git(git_dir.parent, "-c", "gc.pruneExpire=now", "gc", "-q")
        for path in list((git_dir / "objects/pack").glob("*" + ending)):
            path.chmod(0o644)
            path.unlink() if data is None else path.write_bytes(path.read_bytes()[:-100] + data)

    return damage


DAMAGES: dict[str, Damage] = {
    "branch-empty": overwrite("refs/heads/main", b""),
    "branch-garbage": overwrite("refs/heads/main", b"\0" * 41),
    "branch-missing": remove("refs/heads/main"),
    "annex-branch-empty": overwrite("refs/heads/git-annex", b""),
    "head-empty": overwrite("HEAD", b""),
    "head-garbage": overwrite("HEAD", b"\0" * 20),
    "index-empty": overwrite("index", b""),
    "index-garbage": overwrite("index", random.Random(1).randbytes(500)),
    "index-truncated": truncate("index"),
    "index-missing": remove("index"),
    "commit-empty": an_object("HEAD", b""),
    "tree-missing": an_object("HEAD^{tree}", None),
    "blob-garbage": an_object("HEAD:note", b"garbage"),
    "old-commit-missing": an_object("HEAD^", None),
    "annex-commit-empty": an_object("git-annex", b""),
    "pack-spoiled": a_pack(".pack", b"x" * 100),
    "pack-index-missing": a_pack(".idx", None),
    "lag-garbage": overwrite("instep/lag", b"\xc1garbage"),
    "pointers-garbage": overwrite("instep/pointers", b"\xc1garbage"),
    "settled-garbage": overwrite("instep/settled", b"\xc1garbage"),
    "private-missing": remove("instep"),
    "annex-index-garbage": overwrite("annex/index", b"garbage"),
    "journal-garbage": overwrite("annex/journal/uuid.log", b"\0" * 50),
    "config-empty": overwrite("config", b""),
    "config-garbage": overwrite("config", b"\0\0[junk"),
}


def log(pair: Pair, folder: Path) -> list[dict[str, Any]]:
    """What the folder's process tells of itself."""
    return [json.loads(line) for line in pair.instep("log", "--json", folder).out.splitlines()]


class Damaged:
    """A pair of which `b` is damaged while it is down."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.ledgers = {pair.a: Ledger(), pair.b: Ledger()}

    def write(self, folder: Path, name: str, data: bytes) -> None:
        write(folder, name, data)
        self.ledgers[folder].wrote(name.encode(), data)

    def prepare(self) -> None:
        for folder in self.ledgers:
            self.write(folder, f"{folder.name}/large", random.Random(folder.name).randbytes(LARGE))
            self.write(folder, f"{folder.name}/small", folder.name.encode() * SMALL)
        self.pair.up()
        self.write(self.pair.a, "note", b"one\n")
        self.pair.settle()
        self.write(self.pair.b, "note", b"two\n")
        self.pair.settle()
        for ledger in self.ledgers.values():
            ledger.keep()
        eventually(lambda: not run_git(self.pair.b, "status", "--porcelain"), "the index is written")
        self.pair.instep("down", self.pair.b)

    def work(self) -> None:
        """What a person does meanwhile, on both sides."""
        self.write(self.pair.a, "a/meanwhile", b"a")
        self.write(self.pair.b, "b/meanwhile", b"b")
        self.write(self.pair.b, "b/small", b"edited")

    def check(self) -> None:
        for ledger in self.ledgers.values():
            ledger.keep()
        self.pair.assert_equal()
        assert lost(self.ledgers.values(), self.ledgers) == []  # I1
        assert read(self.pair.a, "b/small") == b"edited"
        eventually(lambda: not self._attention(), "nothing is said to be wrong")
        for folder in self.ledgers:
            assert_whole(folder)  # I30
            run_git(folder, "annex", "fsck", "--quiet", "--fast")

    def _attention(self) -> list[str]:
        return [
            item["text"]
            for folder in self.ledgers
            for item in self.pair.status(folder)["attention"]
            if item["severity"] == "attention"
        ]


TOGETHER = [
    ("branch-empty", "annex-branch-empty", "index-truncated", "annex-index-garbage", "pointers-garbage"),
    ("head-empty", "commit-empty", "blob-garbage", "old-commit-missing"),
    ("config-garbage", "index-empty", "pack-index-missing", "lag-garbage"),
]


@pytest.mark.parametrize("what", [(name,) for name in DAMAGES] if SOAK else TOGETHER, ids="+".join)
def test_damage_is_mended(pair: Pair, what: tuple[str, ...]) -> None:  # I1 I3 I27 I30
    damaged = Damaged(pair)
    damaged.prepare()
    for name in reversed(what):  # objects are found by refs: those go last
        DAMAGES[name](pair.b / ".git")
    damaged.work()
    pair.instep("up", pair.b)
    damaged.check()
    if set(what) & SAID:
        assert any(line["event"] == "mended" for line in log(pair, pair.b))


def test_what_is_damaged_while_it_runs_is_had_again(pair: Pair) -> None:  # I1 I25 I27
    """An old commit, asked for when the other side comes back with work that began there."""
    damaged = Damaged(pair)
    damaged.prepare()
    pair.instep("up", pair.b)
    pair.settle()
    pair.instep("down", pair.a)
    damaged.write(pair.b, "note", b"three\n")
    pair.wait(pair.b)
    an_object("HEAD^", None)(pair.b / ".git")
    damaged.work()
    run_git(pair.a, "add", "a/meanwhile")
    run_git(pair.a, "commit", "-qm", "meanwhile")
    pair.instep("up", pair.a)
    damaged.check()
