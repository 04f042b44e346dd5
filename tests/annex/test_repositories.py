"""What repositories want, held against git-annex itself: `git annex find --want-get` and `--want-drop`."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instep.annex.branch import PREFERRED_CONTENT_LOG, AnnexBranch
from instep.annex.launcher import find_launcher
from instep.annex.repositories import read_repositories
from instep.core.keys import make_key
from instep.core.pointers import link_target
from instep.core.preferred import Content, Trust, Wants, preferred
from instep.core.standard_groups import STANDARD
from instep.core.types import Key, RelPath, RemoteUuid
from instep.git.repository import Repository
from tests.conftest import run_git

SOAK = bool(os.environ.get("INSTEP_SOAK"))
OTHERS = ["one", "two", "three", "four"]


@dataclass
class World:
    """A repository that knows of four others, with a file for every set of places that content can be in."""

    folder: Path
    repo: Repository
    branch: AnnexBranch
    here: RemoteUuid
    contents: dict[RelPath, Content]

    def annex(self, *args: str) -> list[bytes]:
        return find_launcher().run(os.fsencode(self.folder), *args).split(b"\n")[:-1]

    def set_wanted(self, expression: str) -> None:
        line = f"{self.here} {expression} timestamp={int(time.time())}s\n"
        journal = self.folder / ".git/annex/journal"
        (journal / os.fsdecode(PREFERRED_CONTENT_LOG)).write_text(line)

    def check(self, expression: str) -> None:
        """Both name the same files."""
        self.set_wanted(expression)
        ours = Wants(expression, self.here, read_repositories(self.branch, self.repo.config))
        wanted = {path for path, content in self.contents.items() if ours.wants(content)}
        unwanted = {
            path
            for path, content in self.contents.items()
            if self.here in content.locations and not ours.keeps(content)
        }
        assert set(self.annex("find", "--want-get")) == wanted, expression
        here = {path for path, content in self.contents.items() if self.here in content.locations}
        assert set(self.annex("find", "--want-drop")) & here == unwanted, expression


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    run_git(folder, "init", "-q")
    for name, value in [("user.name", "T"), ("user.email", "t@x"), ("annex.alwayscommit", "false")]:
        run_git(folder, "config", name, value)
    run_git(folder, "annex", "init", "-q", "here")
    for name in OTHERS:
        (directory := folder.parent / f"{folder.name}-{name}").mkdir()
        run_git(
            folder,
            "annex",
            "initremote",
            "-q",
            name,
            "type=directory",
            f"directory={directory}",
            "encryption=none",
        )
    for name, group in [("one", "client"), ("two", "client"), ("two", "archive"), ("four", "archive")]:
        run_git(folder, "annex", "group", "-q", name, group)
    run_git(folder, "annex", "untrust", "-q", "three")
    run_git(folder, "annex", "dead", "-q", "four")
    run_git(folder, "annex", "trust", "-q", "--force", "two")
    run_git(folder, "annex", "numcopies", "-q", "2")
    run_git(folder, "annex", "group", "-q", "here", "team")
    run_git(folder, "annex", "groupwanted", "-q", "team", "include=*.txt and not copies=archive:1")
    repo = Repository.open(folder)
    uuids = [RemoteUuid(repo.config.get(f"remote.{name}.annex-uuid") or "") for name in OTHERS]
    here = RemoteUuid(repo.config.get("annex.uuid") or "")
    contents = dict(_contents([here, *uuids]))
    for path, content in contents.items():
        file = folder / os.fsdecode(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(os.fsdecode(link_target(content.key, path)))
        if here in content.locations:
            target = file.parent / file.readlink()
            target.parent.mkdir(parents=True)
            target.write_bytes(b"x")
    run_git(folder, "add", "-A")
    branch = AnnexBranch(repo)
    branch.record((c.key, uuid, True) for c in contents.values() for uuid in c.locations)
    yield World(folder, repo, branch, here, contents)
    repo.close()


def _contents(uuids: list[RemoteUuid]) -> Iterator[tuple[RelPath, Content]]:
    names = [
        b"a%d.txt",
        b"d/archive/b%d.iso",
        b"archive/c%d",
        b"public/d%d.txt",
        b"x/public/y/e%d",
        b"x/public/f%d",
        b"xpublic/g%d",
    ]
    for number, held in enumerate(product([False, True], repeat=len(uuids))):
        path = RelPath(names[number % len(names)] % number)
        backend = "SHA1" if number % 3 == 0 else "SHA256E"
        key = make_key(backend, 700 + 20 * number, f"{number:064x}"[-40 if backend == "SHA1" else 0 :], path)
        there = frozenset(uuid for uuid, is_there in zip(uuids, held, strict=True) if is_there)
        yield path, Content(Key(key), path, there)


def test_what_the_branch_says_of_the_repositories(world: World) -> None:
    known = read_repositories(world.branch, world.repo.config)
    one, two, three, four = (
        RemoteUuid(world.repo.config.get(f"remote.{name}.annex-uuid") or "") for name in OTHERS
    )
    assert [known.trust_of(u) for u in (world.here, one, two, three, four)] == [
        Trust.SEMITRUSTED,
        Trust.SEMITRUSTED,
        Trust.TRUSTED,
        Trust.UNTRUSTED,
        Trust.DEAD,
    ]
    assert known.members("client") == {one, two}
    assert known.groups_of(two) == {"client", "archive"}
    assert known.numcopies == 2
    assert known.group_wanted == {"team": "include=*.txt and not copies=archive:1"}
    assert preferred(known, one) is None
    world.set_wanted("exclude=*.iso")
    wants = preferred(read_repositories(world.branch, world.repo.config), world.here)
    assert wants is not None
    assert wants.expression == "exclude=*.iso"
    assert not wants.needs_locations


@pytest.mark.parametrize("group", sorted(STANDARD))
def test_the_standard_groups(world: World, group: str) -> None:
    world.check(STANDARD[group])


_TERMS = [
    "anything",
    "nothing",
    "include=*.txt",
    "exclude=archive/*",
    "largerthan=1kb",
    "smallerthan=0.9k",
    "present",
    "copies=0",
    "copies=2",
    "copies=client:1",
    "copies=archive:2",
    "copies=nobody:1",
    "copies=trusted:1",
    "copies=untrusted:1",
    "copies=semitrusted:1",
    "copies=semitrusted+:2",
    "copies=untrusted+:2",
    "lackingcopies=1",
    "approxlackingcopies=2",
    "inallgroup=client",
    "inallgroup=archive",
    "inallgroup=nobody",
    "onlyingroup=client",
    "onlyingroup=archive",
    "inbackend=SHA1",
    "inbackend=SHA256E",
    "securehash",
    "inpreferreddir",
    "standard",
    "groupwanted",
]
_expressions = st.recursive(
    st.sampled_from(_TERMS),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" and ", " or ", " "]), inner).map("".join),
        inner.map("not ({})".format),
        inner.map("({})".format),
    ),
    max_leaves=6,
)


def test_each_term(world: World) -> None:
    for term in _TERMS:
        world.check(term)


@settings(max_examples=1000 if SOAK else 15)
@given(_expressions)
def test_expressions(world: World, expression: str) -> None:
    world.check(expression)
