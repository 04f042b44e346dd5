"""Two folders that meet in a git server for history, and in a store for content: docs/forge.md."""

import os
from pathlib import Path

from tests.conftest import run_git

from .far_stock import FarStock, annexed, key_of
from .harness import eventually
from .silence import assert_whole
from .sshd import HOST, LIMITED
from .worktree import read, write

FILM = os.urandom(300_000)
REMAKE = b"new" + FILM


def test_history_in_a_git_server_and_content_in_a_store(tmp_path: Path) -> None:  # I1 I7 I29
    """The server is git-shell, which knows git only. While the store is away, history goes on."""
    with FarStock(tmp_path) as stock:
        a, b, store = stock.a, stock.b, stock.far.home / "content.git"
        forge = stock.far.home / "docs.git"
        run_git(stock.far.home, "init", "-q", "--bare", "-b", "main", "docs.git")
        stock.far.let_in(only_for='git-shell -c "$SSH_ORIGINAL_COMMAND"')
        write(a, "notes.txt", b"one\n")
        write(a, "film.bin", FILM)
        for folder in (a, b):
            stock.instep("up", folder, f"{LIMITED}:docs.git", f"{HOST}:content.git")
            run_git(folder, "config", f"remote.{LIMITED}.annex-ignore", "true")
            stock.wait(folder)
        assert (read(b, "notes.txt"), read(b, "film.bin")) == (b"one\n", FILM)
        first = key_of(a, "film.bin")
        assert annexed(store) == {first}
        assert not (forge / "annex").exists()
        assert stock.conditions(a) == stock.conditions(b) == []

        store.rename(away := store.with_name("away.git"))
        stock.cut()
        write(a, "notes.txt", b"two\n")
        write(a, "film.bin", REMAKE)
        eventually(lambda: key_of(forge, "film.bin") not in ("", first), "the forge has the new history")
        stock.cut()  # who comes back looks at once
        eventually(lambda: read(b, "notes.txt") == b"two\n", "the text went by the forge", 120)
        assert read(b, "film.bin") == FILM, "whole as it was, until the new content is there"
        assert not stock.status(b)["in_step"]

        away.rename(store)
        stock.cut()
        eventually(lambda: read(b, "film.bin") == REMAKE, "the content came by the store", 120)
        write(b, "theirs.bin", b"theirs" + FILM)
        stock.settle()
        assert read(a, "theirs.bin") == b"theirs" + FILM
        assert first in annexed(store), "the old version can be had back"
        for repository in (a, b, store, forge):
            assert_whole(repository)
