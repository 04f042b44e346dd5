"""`instep why`: a person asks about one file."""

import json
from pathlib import Path
from typing import Any

from tests.conftest import run_git

from .harness import Pair, eventually
from .worktree import write

BIG = b"\0big" * 50_000


def why(pair: Pair, path: Path) -> dict[str, Any]:
    return json.loads(pair.instep("why", "--json", path, check=False).out)


def test_where_a_file_is_and_where_it_should_be(pair: Pair) -> None:  # I29
    write(pair.a, "film.bin", BIG)
    write(pair.a, "note.txt", b"note\n")
    write(pair.a, "scratch.tmp", b"scratch\n")
    write(pair.a, ".gitignore", b"*.tmp\n")
    pair.up()
    eventually(lambda: pair.instep("why", pair.a / "film.bin", check=False).code == 0, "both have it")
    facts = why(pair, pair.a / "film.bin")
    assert facts["kind"] == "annexed"
    assert facts["size_bytes"] == len(BIG)
    assert [(place["name"], place["has"], place["reason"]) for place in facts["places"]] == [
        ("here", True, ""),
        ("b", True, ""),
    ]
    assert why(pair, pair.a / "note.txt")["kind"] == "in git"
    ignored = pair.instep("why", pair.a / "scratch.tmp", check=False)
    assert ignored.code == 1
    assert "ignored by the pattern *.tmp in .gitignore, line 1" in ignored.out
    assert "no such file" in pair.instep("why", pair.a / "nowhere", check=False).out
    directory = pair.instep("why", pair.a, check=False)
    assert directory.code == 2
    assert "Name a file" in directory.err


def test_a_rule_that_keeps_content_away_is_named(pair: Pair) -> None:  # I29
    pair.up()
    run_git(pair.b, "annex", "wanted", ".", "exclude=*.bin")
    pair.down()
    run_git(pair.a, "fetch", "-q", "b", "git-annex")
    run_git(pair.a, "annex", "merge", "-q")
    pair.instep("up", pair.a)
    write(pair.a, "film.bin", BIG)

    def rule() -> str:
        places = {place["name"]: place for place in why(pair, pair.a / "film.bin").get("places", [])}
        return str(places["b"]["reason"]) if places.keys() >= {"b"} else ""

    eventually(lambda: rule() == "its preferred content does not ask for it: exclude=*.bin", "the rule")
    assert pair.instep("why", pair.a / "film.bin").code == 0, "it is wherever it should be"


def test_a_repository_inside_is_left_alone_and_said_so(pair: Pair) -> None:
    pair.up()
    run_git(pair.a, "init", "-q", "inner")
    write(pair.a, "inner/x", b"x\n")
    pair.wait(pair.a)
    inner = pair.a / "inner"
    said = pair.instep("why", inner, check=False).out
    assert "! inner is a git repository of its own and is left alone." in said
    asked = pair.instep("why", inner / "x", check=False)
    assert asked.code == 1
    text, fix = asked.err.splitlines()
    assert text == (
        f"{inner} is not being kept in step: it is a repository of its own inside {pair.a}, and left alone."
    )
    assert fix == f"To keep it in step too, move it out of {pair.a} first."
    assert "is a folder, not a file in one." in pair.instep("why", pair.a, check=False).err
