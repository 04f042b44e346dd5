"""One open folder to test the steps with, and what a person does in it."""

import os
import shutil
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from instep.annex.settings import read_settings
from instep.core.tree import lookup, walk
from instep.core.types import Entry, Key, Object, Oid, RelPath
from instep.fs.grain import Grain
from instep.remotes.frames import Inline, Objects
from instep.steps.arrival import Arrival
from instep.steps.committer import Committed, Committer
from instep.steps.install import Installer
from instep.steps.merger import Merged, Merger
from instep.steps.push import raw_frames
from instep.steps.start import Opened, open_folder
from tests.conftest import run_git

WHEN = 1_700_000_000
BIG = 2000
"""Files from this size in bytes on are annexed here (`annex.largefiles` is 1 kB)."""


def p(name: str) -> RelPath:
    """A path from text."""
    return RelPath(os.fsencode(name))


def big(text: str) -> bytes:
    """Content that is annexed; another text, another content."""
    return text.encode() * (BIG // len(text) + 1)


@dataclass
class Recorder:
    """A board that remembers what it was told."""

    conditions: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    cleared: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    logged: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    transfers: dict[str, tuple[str, int, int]] = field(default_factory=dict[str, tuple[str, int, int]])
    """Of each, the newest that was told: path, bytes done, bytes in all."""

    def head(self, commit: str | None) -> None: ...
    def activity(self, step: str, text: str | None) -> None: ...
    def pending(self, what: str, count: int) -> None: ...
    def remote(self, name: str, **facts: object) -> None: ...

    def transfer(
        self, ident: str, *, remote: str, path: str, direction: str, done_bytes: int, total_bytes: int
    ) -> None:
        self.transfers[ident] = (path, done_bytes, total_bytes)

    def transfer_done(self, ident: str) -> None: ...

    def raise_condition(self, code: str, subject: str = "", detail: str = "") -> None:
        self.conditions[code, subject] = detail

    def clear_condition(self, code: str, subject: str = "") -> None:
        self.conditions.pop((code, subject), None)
        self.cleared.append((code, subject))

    def log(self, event: str, text: str, **facts: object) -> None:
        self.logged.append((event, text))


class Side:
    """A folder with the blocking parts of its steps."""

    def __init__(self, folder: Path, opened: Opened, board: Recorder) -> None:
        self.folder = folder
        self.board = board
        self.opened = opened
        self.state = state = opened.state
        self.committer = Committer(state, lambda: WHEN)
        self.installer = Installer(state)
        self.merger = Merger(state, self.committer, self.installer)

    @classmethod
    def open(cls, folder: Path) -> "Side":
        board = Recorder()
        return cls(folder, open_folder(folder, board).compare(), board)

    def close(self) -> None:
        self.opened.close()

    # -- a person -----------------------------------------------------------------------------------

    def write(self, name: str, data: bytes | str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    def read(self, name: str) -> bytes | None:
        """The file's content; None if there is none."""
        try:
            return (self.folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def files(self) -> dict[str, bytes]:
        """Everything in the work tree; a link is `-> TARGET`."""
        found: dict[str, bytes] = {}
        for place, directories, names in os.walk(self.folder):
            if ".git" in directories:
                directories.remove(".git")
            for name in names:
                path = Path(place, name)
                data = b"-> " + os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
                found[str(path.relative_to(self.folder))] = data
        return found

    def git(self, *args: str) -> str:
        return run_git(self.folder, *args).decode(errors="replace")

    def believe_times(self) -> None:
        """As where the times of files tell every change, which is not so on every kernel."""
        self.state.work_tree.grain = Grain(self.folder.stat().st_dev, 0)

    def leave_to_attributes(self) -> None:
        """No configuration of `annex.largefiles`: it would win over attributes."""
        self.git("config", "--unset", "annex.largefiles")
        self.state.repo.config.reload()
        self.state.settings = read_settings(self.state.repo, self.opened.annex_branch)

    # -- the steps ----------------------------------------------------------------------------------

    def commit(self, *names: str, insisted: Collection[RelPath] = ()) -> Committed:
        """One commit of these paths; of the whole folder if none is named."""
        paths = deque(map(p, names)) if names else self.committer.expand([RelPath(b"")])
        return self.committer.commit(paths, insisted=insisted)

    def save(self, name: str, data: bytes | str) -> Committed:
        """Write a file and commit it."""
        self.write(name, data)
        return self.commit(name)

    def arrival(self, source: "Side", *, contents: bool = True) -> Arrival:
        """What `source` would send us now."""
        have = [oid for oid in source.history() if self.state.repo.objects.has(oid)]
        tip = source.head
        frames = raw_frames(source.state, tip, have, contents=contents)
        assert frames is not None
        objects: dict[Oid, Object] = {}
        small: list[tuple[Key, bytes]] = []
        for frame in frames:
            match frame:
                case Objects(items):
                    objects |= {self.state.repo.format.hash(item.kind, item.data): item for item in items}
                case Inline(items):
                    small += items
        return Arrival(tip, "there", objects, tuple(small))

    def merge(self, source: "Side", *, contents: bool = True) -> Merged:
        """Take in what `source` has."""
        return self.merger.merge(self.arrival(source, contents=contents))

    def get(self, source: "Side", key: Key) -> None:
        """The content of a key comes."""
        aside = bytes(self.folder / ".git/instep/came")
        shutil.copyfile(source.state.store.path(key), aside)
        assert self.state.store.put_file(key, aside)

    # -- what is recorded ---------------------------------------------------------------------------

    @property
    def head(self) -> Oid:
        assert self.state.head is not None
        return self.state.head

    def entry(self, name: str) -> Entry | None:
        return lookup(self.state.tree, p(name), self.state.repo.objects.tree)

    def key(self, name: str) -> Key:
        """The annex key that the branch names at this path."""
        entry = self.entry(name)
        assert entry is not None
        key = self.state.key_of(entry)
        assert key is not None
        return key

    def names(self) -> list[str]:
        """The paths of the branch's tree."""
        return [os.fsdecode(path) for path, _ in walk(self.state.tree, self.state.repo.objects.tree)]

    def history(self) -> list[Oid]:
        """All commits of the branch."""
        found: dict[Oid, None] = {}
        ahead = [] if self.state.head is None else [self.state.head]
        while ahead:
            oid = ahead.pop()
            if oid not in found:
                found[oid] = None
                ahead.extend(self.state.repo.objects.commit(oid).parents)
        return list(found)

    def fsck(self) -> None:
        """git finds everything whole, and the branch where we believe it to be. # I10 I30"""
        run_git(self.folder, "fsck", "--strict", "--connectivity-only")
        assert self.git("rev-parse", "HEAD").strip() == self.head.hex()


SideMaker = Callable[..., Side]
"""`side("a")` gives a new folder, opened; see the fixture."""


def met(a: Side, b: Side, name: str = "start", data: bytes | str = "start\n") -> None:
    """Both sides stand at one commit."""
    a.save(name, data)
    b.merge(a)
    assert a.head == b.head


def cross(a: Side, b: Side) -> None:
    """Each takes in what the other had; then each what the other has now."""
    ours, theirs = b.arrival(a), a.arrival(b)
    a.merger.merge(theirs)
    b.merger.merge(ours)
    a.merge(b)
    b.merge(a)


def same(a: Side, b: Side) -> dict[str, bytes]:
    """Both stand at the same commit, and their work trees hold just that."""
    assert a.head == b.head
    for one in (a, b):
        one.fsck()
        head = one.head
        assert one.commit().commit is None, "an echo"  # I4
        assert one.head == head
        assert not one.state.lag.paths
    assert a.files() == b.files()
    return a.files()


def lag_behind(a: Side, b: Side) -> None:
    """Both have x; a's new version can't be put in place in b, where a program had the file open."""
    a.save("x", "1\n")
    b.merge(a)
    a.save("x", "theirs\n")
    with open(b.folder / "x", "ab"):
        b.merge(a)
    assert p("x") in b.state.lag
